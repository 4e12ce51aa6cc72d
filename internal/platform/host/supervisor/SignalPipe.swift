import Glibc

/// Signals of this process, one after the other. There is one in a process: handlers know no context.
struct SignalPipe {
    private let reading: Int32

    /// Takes these signals from now on.
    ///
    /// - Throws: `SupervisorError` when no pipe can be made.
    init(_ signals: [Int32]) throws(SupervisorError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SupervisorError("a pipe", errno) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading = ends[0]
        writingEnd = ends[1]
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { signal in
            let kept = errno
            var byte = UInt8(truncatingIfNeeded: signal)
            _ = write(writingEnd, &byte, 1)
            errno = kept
        }
        action.sa_flags = SA_RESTART
        for signal in signals { sigaction(signal, &action, nil) }
    }

    /// The next signal; nil when the time is up. Without a time-out it waits as long as it takes.
    func next(within timeout: Duration? = nil) -> Int32? {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            var byte: UInt8 = 0
            if read(reading, &byte, 1) == 1 { return Int32(byte) }
            var milliseconds: Int32 = -1
            if let deadline {
                let left = deadline - ContinuousClock.now
                guard left > .zero else { return nil }
                milliseconds = Int32(clamping: Int((left / .milliseconds(1)).rounded(.up)))
            }
            var waiting = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, milliseconds)
        }
    }
}

/// Written before the handlers are installed that read it, and never again.
private nonisolated(unsafe) var writingEnd: Int32 = -1
