import Foundation
import SoukService

/// The folder that a process keeps everything in. It belongs to one process at a time.
final class DataDirectory: Sendable {
    let path: String
    private let lock: Int32

    /// Makes the folder where there is none (mode 0700) and takes it for this process.
    ///
    /// - Throws: `StartupError` when it can't be made, written, or another process has it.
    init(_ path: String) throws {
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
        do {
            try FileManager.default.createDirectory(
                atPath: self.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StartupError("the data folder \(self.path) can't be made: \(error.localizedDescription)")
        }
        lock = open("\(self.path)/souk.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw StartupError("the data folder \(self.path) can't be written: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw StartupError("the data folder \(self.path) is in use by another souk process")
        }
    }

    deinit {
        close(lock)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Tells scripts where the server is and how long it took to start, once it is ready: two lines in `souk.url`.
    func announce(url: String, startDuration: Duration) throws {
        let milliseconds = startDuration / .milliseconds(1)
        let text = "\(url)\n\(Int(milliseconds.rounded())) ms\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file("souk.url")), options: .atomic)
    }
}
