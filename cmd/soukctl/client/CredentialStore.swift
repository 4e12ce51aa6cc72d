import Foundation
import SoukText

/// The file of the credentials: mode 0600, replaced as a whole, changed by one process at a time.
struct CredentialStore: Sendable {
    private let folder: String

    private var path: String { "\(folder)/credentials.json" }

    /// In `$XDG_CONFIG_HOME/souk`; the XDG specification has relative paths ignored.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        if let configured = environment["XDG_CONFIG_HOME"], configured.hasPrefix(bytes: "/") {
            folder = "\(configured)/souk"
        } else {
            folder = "\(environment["HOME"] ?? NSHomeDirectory())/.config/souk"
        }
    }

    /// Nil when nobody is signed in.
    ///
    /// - Throws: ``Failure`` when the file can't be read or isn't ours.
    func read() throws(Failure) -> Credentials? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Failure("\(path) can't be read: \(Self.reason)")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            return try JSONDecoder().decode(Credentials.self, from: try handle.readToEnd() ?? Data())
        } catch {
            // The error would quote the file.
            throw Failure("\(path) is damaged; run `soukctl login` again")
        }
    }

    /// Replaces the file; a crash leaves the old one or the new one.
    func write(_ credentials: Credentials) throws(Failure) {
        try makeFolder()
        let new = "\(path).\(getpid())"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("\(new) can't be written: \(Self.reason)") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try handle.write(contentsOf: try encoder.encode(credentials))
            try handle.synchronize()
        } catch {
            unlink(new)
            throw Failure("\(path) can't be written: \(error.localizedDescription)")
        }
        guard rename(new, path) == 0 else {
            let reason = Self.reason
            unlink(new)
            throw Failure("\(path) can't be written: \(reason)")
        }
    }

    func remove() throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw Failure("\(path) can't be removed: \(Self.reason)")
        }
    }

    /// Runs the body while no other soukctl changes the credentials.
    ///
    /// A refresh token is good for one exchange: two processes that exchange the same one would end the session.
    func locked<T>(timeout: Duration, _ body: () async throws -> T) async throws -> T {
        try makeFolder()
        let lock = "\(folder)/credentials.lock"
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("\(lock) can't be written: \(Self.reason)") }
        defer { close(descriptor) }
        let deadline = ContinuousClock.now + timeout
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw Failure("\(lock) can't be locked: \(Self.reason)")
            }
            guard ContinuousClock.now < deadline else {
                throw Failure("another soukctl keeps the credentials locked")
            }
            // flock(2) can only block the thread or answer at once, so it is asked again until the time is up.
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await body()
    }

    private func makeFolder() throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure("\(folder) can't be made: \(error.localizedDescription)")
        }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
