import CProcess
import Glibc

/// This process, where a supervisor started it.
package struct SupervisedProcess: Sendable {
    /// Sockets that listen, by name.
    package let sockets: [String: ListeningSocket]
    /// How often the process was started again.
    package let restarts: Int
    /// Since when nobody serves: the start of the supervisor or the end of the process before.
    package let awaySince: ContinuousClock.Instant

    /// Nil where no supervisor started this process. The first use, which is to be early, ties it to its supervisor: the
    /// kernel kills it when that ends, and a crash is described where the supervisor looks for it.
    package static let current: SupervisedProcess? = {
        var variables: [String: String] = [:]
        for name in [Inheritance.variable, Inheritance.crashFileVariable] {
            variables[name] = getenv(name).map { String(cString: $0) }
            // They are for this process and none that it starts.
            unsetenv(name)
        }
        return Inheritance(variables: variables).flatMap { SupervisedProcess($0) }
    }()

    private init?(_ inheritance: Inheritance) {
        // A supervisor that ended before the kernel knew what to do then is no longer the parent.
        guard souk_set_parent_death_signal(SIGKILL) == 0, getppid() == inheritance.parent else { _exit(1) }
        Self.takeName()
        // The supervisor passes it on at any time, also before a gateway waits for it.
        signal(SIGHUP, SIG_IGN)
        CrashHandler.install(file: inheritance.crashFile)
        var sockets: [String: ListeningSocket] = [:]
        for (name, descriptor) in inheritance.sockets {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            guard let socket = try? ListeningSocket(inherited: descriptor) else { return nil }
            sockets[name] = socket
        }
        self.sockets = sockets
        restarts = inheritance.restarts
        awaySince = ContinuousClock.now - .nanoseconds(MonotonicTime.now() - inheritance.awaySince)
    }

    /// The kernel named this process for the link that it was started by: `exe`. Tools find it by the program's name.
    private static func takeName() {
        let slash = UInt8(ascii: "/")
        let file = open("/proc/self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0, let name = CommandLine.arguments.first?.utf8.split(separator: slash).last else {
            return
        }
        let bytes = Array(name)
        _ = write(file, bytes, bytes.count)
        close(file)
    }
}

/// A clock that processes of one machine share.
enum MonotonicTime {
    /// In nanoseconds.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
