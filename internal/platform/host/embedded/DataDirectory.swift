import Foundation
import SoukEnv
import SoukIDs
import SoukService

/// The directory that a process keeps everything in. It belongs to one user, and to one process at a time.
final class DataDirectory: Sendable {
    let path: String
    private let lock: Int32

    /// Makes the directory where there is none, and takes it for this process. It and all that is in it are for its owner
    /// alone from then on, whatever their modes were.
    ///
    /// - Throws: `StartupError` when it can't be made or written, belongs to another user, or another process has it.
    init(_ path: String) throws {
        self.path = Self.standardized(path)
        do {
            try FileManager.default.createDirectory(
                atPath: self.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StartupError("the data directory \(self.path) can't be made: \(error.localizedDescription)")
        }
        try PrivateFiles.claim(self.path)
        lock = open("\(self.path)/souk.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw StartupError(
                "the data directory \(self.path) can't be written: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw StartupError("the data directory \(self.path) is in use by another souk process")
        }
        try PrivateFiles.tighten(below: self.path)
    }

    /// Where crashes of a process with this data directory are described.
    static func crashes(in path: String) -> String { "\(standardized(path))/crashes" }

    private static func standardized(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    deinit {
        close(lock)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// A secret of this directory's own: made on first use, kept in a file of mode 0600.
    func secret(_ name: String) throws -> Secret<String> {
        let file = file(name)
        if let kept = FileManager.default.contents(atPath: file), !kept.isEmpty {
            return Secret(String(decoding: kept, as: UTF8.self))
        }
        let made = RandomToken.make()
        let descriptor = open("\(file).new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StartupError("\(file) can't be written: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(made.utf8))
            try handle.synchronize()
        } catch {
            throw StartupError("\(file) can't be written: \(error.localizedDescription)")
        }
        guard rename("\(file).new", file) == 0 else {
            throw StartupError("\(file) can't be written: \(String(cString: strerror(errno)))")
        }
        return Secret(made)
    }

    /// Writes for scripts where the server is and how long it took to start: two lines in `souk.url`, and in `souk-ops.url`
    /// where `/livez`, `/readyz` and `/metrics` are. Of a server without them that file is removed.
    func announce(url: String, operationsURL: String?, startDuration: Duration) throws {
        let operations = URL(fileURLWithPath: file("souk-ops.url"))
        if let operationsURL {
            try Data("\(operationsURL)\n".utf8).write(to: operations, options: .atomic)
        } else {
            unlink(operations.path)
        }
        let milliseconds = Int((startDuration / .milliseconds(1)).rounded())
        try Data("\(url)\n\(milliseconds) ms\n".utf8)
            .write(to: URL(fileURLWithPath: file("souk.url")), options: .atomic)
    }
}
