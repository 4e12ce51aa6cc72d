import Foundation
import SoukEnv
import SoukIDs
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
            throw StartupError(
                "the data folder \(self.path) can't be written: \(String(cString: strerror(errno)))")
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

    /// A secret of this folder's own: made on first use, kept in a file of mode 0600.
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

    /// Tells scripts where the server is and how long it took to start, once it is ready: two lines in `souk.url`.
    func announce(url: String, startDuration: Duration) throws {
        let milliseconds = startDuration / .milliseconds(1)
        let text = "\(url)\n\(Int(milliseconds.rounded())) ms\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file("souk.url")), options: .atomic)
    }
}
