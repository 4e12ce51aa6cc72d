import Glibc

/// A process that runs this process's own executable with the same arguments.
struct ChildProcess {
    let pid: pid_t
    let startedAt: ContinuousClock.Instant

    /// Starts it. It inherits exactly these descriptors besides the standard ones, and these variables besides its parent's.
    ///
    /// - Throws: `SupervisorError` when the system has no process for it.
    static func start(
        descriptors: [Int32], variables: [String: String]
    ) throws(SupervisorError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        // Onto itself: that takes the close-on-exec flag off.
        for descriptor in descriptors { posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        let environment = environment(adding: variables).map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        let startedAt = ContinuousClock.now
        var pid: pid_t = 0
        let status = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment)
        guard status == 0 else { throw SupervisorError("a process", status) }
        return ChildProcess(pid: pid, startedAt: startedAt)
    }

    /// How it ended; nil while it runs.
    func end() -> RestartPolicy.End? {
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }

    private static func environment(adding variables: [String: String]) -> [String] {
        var lines: [String] = []
        var next = environ
        while let line = next.pointee {
            lines.append(String(cString: line))
            next += 1
        }
        let prefixes = Inheritance.names.map { "\($0)=" }
        lines.removeAll { line in prefixes.contains { line.utf8.starts(with: $0.utf8) } }
        return lines + variables.map { "\($0.key)=\($0.value)" }
    }
}
