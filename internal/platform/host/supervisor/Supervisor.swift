import Foundation

/// Runs this executable once more, as a process that serves on the sockets that this one holds, and starts it again whenever a
/// signal ends it. Connections that arrive meanwhile wait in the sockets' queues.
///
/// It blocks its thread and does nothing else, so that nothing can end it but what it is asked to.
package struct Supervisor {
    /// A process that ended by a signal.
    package struct Crash: Sendable {
        package let pid: Int32
        /// `SIGSEGV`
        package let signal: String
        /// From its start to its end.
        package let runtime: Duration
        /// Until the next one is started.
        package let delay: Duration
        /// How many there were, this one included.
        package let count: Int
        /// What the process wrote of it; nil when it wrote nothing, as after SIGKILL.
        package let file: String?
    }

    private let sockets: [String: ListeningSocket]
    private let crashes: CrashFolder?
    private let report: (Crash) -> Void

    /// - Parameters:
    ///   - sockets: are inherited, under these names.
    ///   - crashes: where crashes are described; nil for standard error.
    ///   - report: is given each crash, before the next start.
    package init(
        sockets: [String: ListeningSocket], crashes: CrashFolder?, report: @escaping (Crash) -> Void
    ) {
        self.sockets = sockets
        self.crashes = crashes
        self.report = report
    }

    /// Supervises until the process exits by itself, or this one is asked to end by SIGTERM, SIGINT or SIGQUIT, which the
    /// process is asked, too. SIGHUP is passed on.
    ///
    /// - Returns: the exit status of the process; 128 and the signal's number when it was to end and a signal ended it.
    /// - Throws: `SupervisorError` when no process can be started.
    package func run() throws(SupervisorError) -> Int32 {
        let signals = try SignalPipe([SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        var policy = RestartPolicy()
        var (restarts, awaySince) = (0, MonotonicTime.now())
        while true {
            let file = crashes?.nextFile(at: Date(), restarts: restarts)
            let inheritance = Inheritance(
                sockets: sockets.mapValues(\.descriptor), parent: getpid(), restarts: restarts,
                awaySince: awaySince, crashFile: file)
            let child: ChildProcess
            do {
                child = try ChildProcess.start(
                    descriptors: sockets.values.map(\.descriptor), variables: inheritance.variables)
            } catch {
                // A lack of memory or processes may pass; at the first start it is an error to report.
                guard restarts > 0 else { throw error }
                if isAskedToEnd(within: RestartPolicy.firstDelay, signals) { return 0 }
                continue
            }
            let (end, isStopping) = watch(child, signals)
            awaySince = MonotonicTime.now()
            let runtime = ContinuousClock.now - child.startedAt
            switch policy.decide(end, after: runtime, isStopping: isStopping) {
            case .finish(let status):
                return status
            case .restart(let delay):
                restarts += 1
                guard case .signalled(let signal) = end else { continue }
                report(
                    Crash(
                        pid: child.pid, signal: Self.name(of: signal), runtime: runtime, delay: delay,
                        count: restarts, file: file.flatMap { access($0, F_OK) == 0 ? $0 : nil }))
                if isAskedToEnd(within: delay, signals) { return 0 }
            }
        }
    }

    /// Until it has ended.
    private func watch(_ child: ChildProcess, _ signals: SignalPipe) -> (RestartPolicy.End, isStopping: Bool)
    {
        var isStopping = false
        while true {
            if let end = child.end() { return (end, isStopping) }
            guard let signal = signals.next(), signal != SIGCHLD else { continue }
            if Self.isRequestToEnd(signal), !isStopping {
                isStopping = true
                // With the process's own descriptors the last ones close: who comes from now on is refused.
                for socket in sockets.values { socket.close() }
            }
            kill(child.pid, signal)
        }
    }

    private func isAskedToEnd(within delay: Duration, _ signals: SignalPipe) -> Bool {
        let until = ContinuousClock.now + delay
        while let signal = signals.next(within: until - ContinuousClock.now) {
            if Self.isRequestToEnd(signal) { return true }
        }
        return false
    }

    private static func isRequestToEnd(_ signal: Int32) -> Bool {
        [SIGTERM, SIGINT, SIGQUIT].contains(signal)
    }

    private static let names = [
        SIGABRT: "SIGABRT", SIGALRM: "SIGALRM", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGILL: "SIGILL",
        SIGKILL: "SIGKILL", SIGPIPE: "SIGPIPE", SIGSEGV: "SIGSEGV", SIGSYS: "SIGSYS", SIGTRAP: "SIGTRAP",
        SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ",
    ]

    private static func name(of signal: Int32) -> String {
        names[signal] ?? "signal \(signal)"
    }
}
