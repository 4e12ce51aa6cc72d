import CSQLite
import NIOPosix
import SoukDatabase
import Synchronization

/// A connection with a thread of its own: calls queue up there, so that blocking never reaches the tasks' threads
/// and concurrent children of one transaction take turns.
///
/// Unchecked: the handle is used on that thread only, which also lets go of it; `sqlite3_interrupt`, made for other
/// threads, is called under the lock that says whose statement is running.
final class SQLiteConnection: @unchecked Sendable {
    private let threads: NIOThreadPool
    private var handle: SQLiteHandle?
    private let running = Mutex(Running())

    private struct Running {
        var job: UInt64?
        var nextJob: UInt64 = 0
        var interrupt: Interrupt?
    }

    /// A pointer that is only ever passed to `sqlite3_interrupt`, hence safe to hold on any thread.
    private struct Interrupt: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// Opens the handle on the new thread.
    static func open(
        _ open: @escaping @Sendable () throws(DatabaseError) -> SQLiteHandle
    ) async throws(DatabaseError) -> SQLiteConnection {
        let connection = SQLiteConnection()
        let result = await connection.onThread { connection, _ throws(DatabaseError) in
            let handle = try open()
            connection.handle = handle
            connection.running.withLock { $0.interrupt = Interrupt(pointer: handle.interruptPointer) }
        }
        if case .failure(let error) = result {
            await connection.close()
            throw error
        }
        return connection
    }

    private init() {
        threads = NIOThreadPool(numberOfThreads: 1)
        threads._start(threadNamePrefix: "souk-sqlite-")
    }

    deinit {
        // Only a database that was never closed comes here with a handle; nobody else can be using it any more.
        threads.shutdownGracefully { _ in }
    }

    /// Runs the body on the connection's thread, interrupting its statement when the task is cancelled.
    ///
    /// - Throws: The body's error; `.cancelled` without running it when the task is cancelled already.
    func run<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        if Task.isCancelled { throw DatabaseError(.cancelled, detail: "the task was cancelled") }
        let job = running.withLock { running in
            running.nextJob += 1
            return running.nextJob
        }
        let result = await withTaskCancellationHandler {
            await perform(job: job, body)
        } onCancel: {
            running.withLock { running in
                if running.job == job, let interrupt = running.interrupt {
                    sqlite3_interrupt(interrupt.pointer)
                }
            }
        }
        return try result.get()
    }

    /// Runs the body to its end even when the task is cancelled: for ending transactions.
    func runUncancelled<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        try await perform(job: nil, body).get()
    }

    /// Closes the handle and ends the thread. The connection must be back from its last holder.
    func close() async {
        _ = await onThread { connection, _ throws(DatabaseError) in
            connection.running.withLock { $0.interrupt = nil }
            connection.handle = nil
        }
        await withCheckedContinuation { continuation in
            threads.shutdownGracefully { _ in continuation.resume() }
        }
    }

    private func perform<T: Sendable>(
        job: UInt64?, _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async -> Result<T, DatabaseError> {
        await onThread { connection, isActive throws(DatabaseError) in
            guard isActive, let handle = connection.handle else {
                throw DatabaseError(.closed, detail: "the database is closed")
            }
            connection.running.withLock { $0.job = job }
            defer { connection.running.withLock { $0.job = nil } }
            return try body(handle)
        }
    }

    private func onThread<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection, Bool) throws(DatabaseError) -> T
    ) async -> Result<T, DatabaseError> {
        await withCheckedContinuation { continuation in
            threads.submit { state in
                let isActive = state == .active
                continuation.resume(
                    returning: Result { () throws(DatabaseError) in try body(self, isActive) })
            }
        }
    }
}
