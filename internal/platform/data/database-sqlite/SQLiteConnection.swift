import Glibc
import NIOPosix
import SoukDatabase
import Synchronization

/// A connection with a thread of its own: calls queue up there, so that blocking never reaches the tasks' threads
/// and concurrent children of one transaction take turns.
///
/// The thread is a task executor, too: a transaction that prefers it runs there altogether, and its statements are plain
/// calls instead of two changes of thread each.
///
/// Unchecked: the handle and the group are used on that thread only, which also lets go of them.
final class SQLiteConnection: TaskExecutor, @unchecked Sendable {
    private let threads: NIOThreadPool
    private let thread = Atomic<pthread_t>(0)
    private var handle: SQLiteHandle?
    /// The open transaction of the writer, which its next holder joins. Used on the thread.
    var group: CommitGroup?

    /// Opens the handle on the new thread.
    static func open(
        _ open: @escaping @Sendable () throws(DatabaseError) -> SQLiteHandle
    ) async throws(DatabaseError) -> SQLiteConnection {
        let connection = SQLiteConnection()
        let result = await connection.onThread { connection, _ throws(DatabaseError) in
            connection.thread.store(pthread_self(), ordering: .relaxed)
            connection.handle = try open()
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
        let cancellation = SQLiteCancellation()
        let result = await withTaskCancellationHandler {
            await perform(cancellation, body)
        } onCancel: {
            cancellation.request()
        }
        return try result.get()
    }

    /// Runs the body to its end even when the task is cancelled: for ending transactions.
    func runUncancelled<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        try await perform(nil, body).get()
    }

    /// Closes the handle and ends the thread. The connection must be back from its last holder.
    func close() async {
        _ = await onThread { connection, _ throws(DatabaseError) in
            connection.handle = nil
        }
        await withCheckedContinuation { continuation in
            threads.shutdownGracefully { _ in continuation.resume() }
        }
    }

    /// A closed connection's thread is gone: whoever enqueues runs the job, whose calls fail with `.closed`.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        threads.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    private func perform<T: Sendable>(
        _ cancellation: SQLiteCancellation?,
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async -> Result<T, DatabaseError> {
        await onThread { connection, isActive throws(DatabaseError) in
            guard isActive, let handle = connection.handle else {
                throw DatabaseError(.closed, detail: "the database is closed")
            }
            if cancellation?.isRequested == true {
                throw DatabaseError(.cancelled, detail: "the task was cancelled")
            }
            handle.cancellation = cancellation
            defer { handle.cancellation = nil }
            return try body(handle)
        }
    }

    private func onThread<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection, Bool) throws(DatabaseError) -> T
    ) async -> Result<T, DatabaseError> {
        if pthread_self() == thread.load(ordering: .relaxed) {
            return Result { () throws(DatabaseError) in try body(self, true) }
        }
        return await withCheckedContinuation { continuation in
            threads.submit { state in
                let isActive = state == .active
                continuation.resume(
                    returning: Result { () throws(DatabaseError) in try body(self, isActive) })
            }
        }
    }
}
