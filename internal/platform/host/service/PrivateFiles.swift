import Glibc

/// Keeps files and directories for their owner alone.
package enum PrivateFiles {
    private static let others: mode_t = 0o077

    /// Takes the rights of everybody else from a directory of this process's user.
    ///
    /// - Throws: `StartupError` when it is no directory, belongs to another user, or its mode can't be changed.
    package static func claim(_ path: String) throws(StartupError) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw StartupError("\(path) is no directory")
        }
        guard status.st_uid == geteuid() else {
            throw StartupError(
                "the directory \(path) belongs to user \(status.st_uid), not to \(geteuid()), who runs this process"
            )
        }
        try restrict(path, status)
    }

    /// Takes them from all that is in the directory. Symbolic links are not followed.
    ///
    /// - Throws: `StartupError` when a mode can't be changed.
    package static func tighten(below path: String) throws(StartupError) {
        guard let directory = opendir(path) else {
            throw StartupError("\(path) can't be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard ![".", ".."].contains(name) else { continue }
            let file = "\(path)/\(name)"
            var status = stat()
            guard lstat(file, &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                try restrict(file, status)
                try tighten(below: file)
            case S_IFREG: try restrict(file, status)
            default: continue
            }
        }
    }

    private static func restrict(_ path: String, _ status: stat) throws(StartupError) {
        guard status.st_mode & others != 0 else { return }
        guard chmod(path, status.st_mode & 0o700) == 0 else {
            throw StartupError(
                "others may read \(path), and that can't be changed: \(String(cString: strerror(errno)))")
        }
    }
}
