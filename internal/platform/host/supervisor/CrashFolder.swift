import Foundation

/// The directory with descriptions of crashes: a file each, the newest ones are kept. A crash makes it, with mode 0700.
package struct CrashFolder: Sendable {
    static let kept = 20
    private static let prefix = "crash-"

    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// A name that no file has, for the next start. Deletes the oldest files; those that can't be stay.
    func nextFile(at date: Date, restarts: Int) -> String {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let crashes = found.filter { $0.utf8.starts(with: Self.prefix.utf8) }.sorted()
        for name in crashes.dropLast(Self.kept - 1) { unlink("\(path)/\(name)") }
        let time = date.ISO8601Format(.init(dateSeparator: .omitted, timeSeparator: .omitted))
        return "\(path)/\(Self.prefix)\(time)-\(getpid())-\(restarts).txt"
    }
}
