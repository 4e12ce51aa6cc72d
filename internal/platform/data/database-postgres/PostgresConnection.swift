import Foundation
import Glibc
import SoukDatabase
import Synchronization

/// A place in the pool: a thread of its own that connects when it is first needed and again when the connection is
/// lost. Calls queue up there, so that blocking never reaches the tasks' threads and concurrent children of one
/// transaction take turns.
///
/// The thread is a task executor, too: a transaction that prefers it runs there altogether, and its statements are plain
/// calls instead of two changes of thread each.
final class PostgresConnection: TaskExecutor {
    private let link: PostgresLink

    init(_ options: PostgresOptions, _ backoff: SharedConnectBackoff) {
        link = PostgresLink(options, backoff)
    }

    deinit {
        // Only a database that was never closed comes here with a thread; nobody else can be using it any more.
        link.end()
    }

    /// Runs the body on the connection's thread, cancelling its statement when the task is cancelled.
    ///
    /// - Parameter connecting: Whether to connect where there is no connection, or the body belongs to one that was.
    /// - Throws: The body's error; `.cancelled` without running it when the task is cancelled already; `.connection`.
    func run<T: Sendable>(
        connecting: Bool,
        _ body: @escaping @Sendable (PostgresHandle, PostgresCancellation) throws(PostgresError) -> T
    ) async throws(PostgresError) -> T {
        let cancellation = PostgresCancellation(try start())
        let result = await withTaskCancellationHandler {
            await onThread { link throws(PostgresError) in
                guard !cancellation.isRequested else {
                    throw PostgresError(DatabaseError(.cancelled, detail: "the task was cancelled"))
                }
                return try body(try link.handle(connecting: connecting), cancellation)
            }
        } onCancel: {
            cancellation.request()
        }
        return try result.get()
    }

    /// Runs the body to its end even when the task is cancelled, where there still is a connection: for ending
    /// transactions.
    func runUncancelled<T: Sendable>(
        _ body: @escaping @Sendable (PostgresHandle) throws(PostgresError) -> T
    ) async throws(PostgresError) -> T {
        _ = try start()
        return try await onThread { link throws(PostgresError) in
            try body(try link.handle(connecting: false))
        }.get()
    }

    /// Runs the body with this thread as its executor.
    ///
    /// - Throws: The body's error; `DatabaseError` where the thread can't be started.
    func asExecutor<T>(_ body: () async throws -> T) async throws -> T {
        _ = try link.start()
        return try await withTaskExecutorPreference(self, operation: body)
    }

    /// Where the thread has ended a job runs elsewhere, and its calls fail with `.closed`.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isTaken = link.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        if !isTaken { globalConcurrentExecutor.enqueue(job) }
    }

    /// Disconnects and ends the thread. The connection must be back from its last holder.
    func close() async {
        await withCheckedContinuation { continuation in link.end { continuation.resume() } }
    }

    private func start() throws(PostgresError) -> Waker {
        do { return try link.start() } catch { throw PostgresError(error) }
    }

    private func onThread<T: Sendable>(
        _ body: @escaping @Sendable (PostgresLink) throws(PostgresError) -> T
    ) async -> Result<T, PostgresError> {
        if link.isCurrentThread { return Result { () throws(PostgresError) in try body(link) } }
        return await withCheckedContinuation { continuation in
            let isTaken = link.submit { link in
                continuation.resume(returning: Result { () throws(PostgresError) in try body(link) })
            }
            if !isTaken {
                continuation.resume(
                    returning: .failure(
                        PostgresError(DatabaseError(.closed, detail: "the database is closed"))))
            }
        }
    }
}

/// The thread of a connection, and what it looks after between calls.
///
/// Unchecked: the handle is used on the thread only; the rest is in the mutex.
final class PostgresLink: @unchecked Sendable {
    private struct State {
        var jobs: [@Sendable (PostgresLink) -> Void] = []
        /// Made with the thread; both only when they are first needed.
        var waker: Waker?
        var isEnding = false
        var hasEnded = false
        var enders: [@Sendable () -> Void] = []
    }

    private let options: PostgresOptions
    private let backoff: SharedConnectBackoff
    private let lifetime: Duration
    private let state = Mutex(State())
    private let thread = Atomic<pthread_t>(0)
    private var handle: PostgresHandle?
    private var lastUse = ContinuousClock.Instant.now
    private var lastCheck = ContinuousClock.Instant.now

    init(_ options: PostgresOptions, _ backoff: SharedConnectBackoff) {
        self.options = options
        self.backoff = backoff
        // Connections that were made together are not replaced together.
        lifetime = options.maximumLifetime * Double.random(in: 0.9...1.1)
    }

    /// Starts the thread where it does not run yet.
    func start() throws(DatabaseError) -> Waker {
        try state.withLock { state throws(DatabaseError) in
            if let waker = state.waker { return waker }
            let waker = try Waker()
            state.waker = waker
            guard !state.isEnding else { return waker }
            let thread = Thread { self.loop(waker) }
            thread.name = "souk-postgres"
            thread.start()
            return waker
        }
    }

    var isCurrentThread: Bool { pthread_self() == thread.load(ordering: .relaxed) }

    /// Queues a job; false when the thread ends.
    func submit(_ job: @escaping @Sendable (PostgresLink) -> Void) -> Bool {
        let (isTaken, waker) = state.withLock { state -> (Bool, Waker?) in
            guard !state.isEnding else { return (false, nil) }
            state.jobs.append(job)
            return (true, state.waker)
        }
        // Outside of the lock, which the thread takes as soon as it is awake.
        waker?.wake()
        return isTaken
    }

    /// Ends the thread after the jobs that are queued.
    func end(_ then: @escaping @Sendable () -> Void = {}) {
        let isOver = state.withLock { state in
            state.isEnding = true
            if state.hasEnded || state.waker == nil { return true }
            state.enders.append(then)
            state.waker?.wake()
            return false
        }
        if isOver { then() }
    }

    /// The connection, for a job.
    ///
    /// - Throws: `.connection` where there is none, or none can be made.
    func handle(connecting: Bool) throws(PostgresError) -> PostgresHandle {
        lastUse = .now
        // What the server said while nobody used it was taken in by ``rest(_:)``, whose wait ends with a job.
        if connecting, let handle, handle.connectedAt + lifetime < lastUse { self.handle = nil }
        if let handle, !handle.isBroken { return handle }
        handle = nil
        do throws(DatabaseError) {
            guard connecting else { throw DatabaseError(.connection, detail: "the connection was lost") }
            let new = try backoff.connect(options, waker: try start())
            handle = new
            return new
        } catch {
            throw PostgresError(error)
        }
    }

    private func loop(_ waker: Waker) {
        thread.store(pthread_self(), ordering: .relaxed)
        while true {
            let (jobs, isEnding) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isEnding)
            }
            for job in jobs { job(self) }
            guard jobs.isEmpty else { continue }
            if isEnding { break }
            rest(waker)
        }
        handle = nil
        let enders = state.withLock { state in
            state.hasEnded = true
            defer { state.enders = [] }
            return state.enders
        }
        for ender in enders { ender() }
    }

    /// Waits for a job; meanwhile looks after the connection.
    private func rest(_ waker: Waker) {
        guard let handle, !handle.isBroken else {
            self.handle = nil
            _ = waker.wait(timeout: nil)
            return
        }
        // A transaction whose body does something else is nobody's idle connection.
        let isIdle = !handle.isInTransaction
        let next = max(lastUse, lastCheck) + options.healthCheckInterval
        let events = waker.wait(socket: handle.socket, timeout: isIdle ? max(.zero, next - .now) : nil)
        if events.isReadable { handle.absorb() }
        let now = ContinuousClock.Instant.now
        guard isIdle, !events.isWoken, !handle.isBroken, now >= next else { return }
        lastCheck = now
        if now >= lastUse + options.idleTimeout || !handle.check() { self.handle = nil }
    }
}
