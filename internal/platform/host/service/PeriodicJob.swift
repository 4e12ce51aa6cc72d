import Logging
import ServiceLifecycle
package import SoukTime
import Synchronization

/// Work that is done again and again: at start, then after every interval, and whenever it is woken.
///
/// One run at a time. A run that throws is logged and tried again: after a second at first, then ever later, up to the
/// interval or a minute, whichever is longer. It ends with the process: a run that goes on at a graceful shutdown has
/// ``shutdownGrace`` to end, and is cancelled then: a long backlog must not outlast the process's own time for a shutdown.
package final class PeriodicJob: Service, CustomStringConvertible {
    private let name: String
    private let interval: Duration
    private let clock: any WallClock
    private let body: @Sendable () async throws -> Void
    private let signal = WakeSignal()
    private let ending = WakeSignal()
    private let logger: Logger

    /// How long a run may go on once a shutdown begins.
    package static let shutdownGrace: Duration = .seconds(5)

    /// A job that `run()` starts. `interval` must be positive.
    package init(
        name: String, every interval: Duration, clock: any WallClock,
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        precondition(interval > .zero, "a job needs an interval")
        self.name = name
        self.interval = interval
        self.clock = clock
        self.body = body
        logger = Logger(label: "souk.job")
    }

    /// Has the work done as soon as possible: now when the job is waiting, once more when it is at work.
    package func wake() {
        signal.wake()
    }

    /// Does the work until the process shuts down.
    package func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            var failures = 0
            repeat {
                do {
                    try await runOnce()
                    failures = 0
                } catch {
                    guard !Task.isCancelled else { return }
                    failures += 1
                    logger.error(
                        "job failed",
                        metadata: ["job": "\(name)", "failures": "\(failures)", "error": "\(error)"])
                }
            } while await wait(delay(after: failures))
        } onCancelOrGracefulShutdown: {
            self.signal.close()
            self.ending.close()
        }
    }

    private func runOnce() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [body] in try await body() }
            group.addTask { [ending, clock] in
                _ = await ending.wait()
                // Cancelled as soon as the body has ended.
                try? await clock.sleep(for: Self.shutdownGrace)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    package var description: String { "job \(name)" }

    private func delay(after failures: Int) -> Duration {
        guard failures > 0 else { return interval }
        let first = min(interval, .seconds(1))
        return min(first * (1 << min(failures - 1, 20)), max(interval, .seconds(60)))
    }

    /// Waits for the delay or a wake-up; false when the job is to end.
    private func wait(_ delay: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [clock] in
                // Only cancellation ends a sleep early, and then the other child has answered.
                try? await clock.sleep(for: delay)
                return true
            }
            group.addTask { [signal] in await signal.wait() }
            let goesOn = await group.next() ?? false
            group.cancelAll()
            return goesOn && !Task.isCancelled
        }
    }
}

/// A wake-up that is remembered until somebody waits for it. One waiter at a time.
private final class WakeSignal: Sendable {
    private enum State {
        case quiet
        case woken
        case waiting(CheckedContinuation<Bool, Never>)
        case closed
    }

    private let state = Mutex(State.quiet)

    func wake() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            switch state {
            case .quiet, .woken:
                state = .woken
                return nil
            case .waiting(let waiter):
                state = .quiet
                return waiter
            case .closed:
                return nil
            }
        }
        waiter?.resume(returning: true)
    }

    func close() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            defer { state = .closed }
            if case .waiting(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: false)
    }

    /// True when woken, false when closed or cancelled.
    func wait() async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let answer: Bool? = state.withLock { state in
                    switch state {
                    case .quiet where Task.isCancelled:
                        return false
                    case .quiet:
                        state = .waiting(waiter)
                        return nil
                    case .woken:
                        state = .quiet
                        return true
                    case .waiting:
                        preconditionFailure("only one task waits")
                    case .closed:
                        return false
                    }
                }
                if let answer { waiter.resume(returning: answer) }
            }
        } onCancel: {
            cancelWait()
        }
    }

    private func cancelWait() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard case .waiting(let waiter) = state else { return nil }
            state = .quiet
            return waiter
        }
        waiter?.resume(returning: false)
    }
}
