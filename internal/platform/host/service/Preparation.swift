import Logging
import ServiceLifecycle
import SoukErrors
import SoukTime
import Synchronization

/// Prepares the services of a process, once or until it works, and lets the rest of the process wait for that.
final class Preparation: Service, CustomStringConvertible {
    private static let firstDelay: Duration = .milliseconds(200)
    private static let longestDelay: Duration = .seconds(2)

    private struct State {
        var isDone = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let services: [any HostedService]
    private let clock: any WallClock
    private let logger: Logger
    private let onDone: @Sendable () -> Void
    private let state = Mutex(State())

    init(
        services: [any HostedService], clock: any WallClock, logger: Logger,
        onDone: @escaping @Sendable () -> Void
    ) {
        self.services = services
        self.clock = clock
        self.logger = logger
        self.onDone = onDone
    }

    var description: String { "preparation" }

    /// - Throws: `StartupError` naming the service that can't be prepared.
    func runOnce() async throws {
        for service in services {
            do {
                try await service.prepare()
            } catch {
                throw StartupError(service.name, error)
            }
        }
        finish()
    }

    /// Tries as long as what fails is that something is away, then waits for the shutdown.
    ///
    /// - Throws: `StartupError` for a failure that waiting doesn't mend.
    func run() async throws {
        if !state.withLock({ $0.isDone }) {
            do {
                try await cancelWhenGracefulShutdown { try await self.runUntilDone() }
            } catch is CancellationError {
                return
            }
        }
        try await gracefulShutdown()
    }

    /// False when the process shuts down before it is prepared.
    func wait() async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.isDone { return true }
                    if Task.isCancelled { return false }
                    state.waiters[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
        }
    }

    private func runUntilDone() async throws {
        for service in services {
            var failures = 0
            while try await !isPrepared(service, failures: failures) {
                failures += 1
                let delay = min(Self.firstDelay * (1 << min(failures, 10)), Self.longestDelay)
                try await clock.sleep(for: delay * Double.random(in: 0.5...1))
            }
            if failures > 0 { logger.notice("\(service.name) is prepared at last") }
        }
        finish()
    }

    /// False when something that the service needs is away.
    private func isPrepared(_ service: any HostedService, failures: Int) async throws -> Bool {
        do {
            try await service.prepare()
            return true
        } catch let error as any SoukError where [.unavailable, .timedOut].contains(error.kind) {
            try Task.checkCancellation()
            // Now and then is enough for a log that people read.
            if failures % 30 == 0 {
                logger.warning("\(service.name) waits for what it needs: \(error.logDescription)")
            }
            return false
        } catch let error as CancellationError {
            throw error
        } catch {
            throw StartupError(service.name, error)
        }
    }

    private func finish() {
        let waiters = state.withLock { state in
            state.isDone = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        onDone()
        for waiter in waiters { waiter.resume(returning: true) }
    }
}

/// A part of the process that begins once everything is prepared.
struct AfterPreparation: Service, CustomStringConvertible {
    let service: any Service
    let preparation: Preparation

    var description: String { "\(service)" }

    func run() async throws {
        guard await cancelWhenGracefulShutdown({ await preparation.wait() }) else { return }
        try await service.run()
    }
}
