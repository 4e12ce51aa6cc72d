import CPQ
import Glibc
import SoukDatabase
import SoukText

/// Owns one `PGconn`, always in pipeline mode; every call blocks. Used on one thread only.
///
/// Commands go to the server in batches, each one round trip: a failed command skips the rest of its batch.
final class PostgresHandle {
    enum Command {
        /// A constant statement without values or rows.
        case run(String)
        case prepare(PostgresStatement)
        case describe(PostgresStatement)
        case execute(PostgresStatement, PostgresParameters)
        case deallocate(String)
    }

    enum Reply {
        case done(PostgresResult)
        case failed(PostgresFailure)
        /// Not run, since an earlier command of the batch failed.
        case skipped
    }

    let connection: OpaquePointer
    let waker: Waker
    let connectedAt: ContinuousClock.Instant
    /// After so long without an answer the server is given up; it ends statements before that by itself.
    private let answerTimeout: Duration?
    /// Its session is over, or in a state nobody knows: it must not be used any more.
    private(set) var isBroken = false

    var statements: StatementCache<PostgresStatement>
    /// Statements that gave way in the cache and are still to be deallocated.
    var outdated: [String] = []
    var nextStatement: UInt64 = 0
    /// What begins and ends transactions, prepared; empty once somebody has deallocated it.
    private var controls: [String: PostgresStatement] = [:]

    private init(owning connection: OpaquePointer, waker: Waker, _ options: PostgresOptions) {
        self.connection = connection
        self.waker = waker
        connectedAt = .now
        answerTimeout = options.statementTimeout.map { $0 + .seconds(5) }
        statements = StatementCache(capacity: options.statementCacheSize)
    }

    deinit {
        PQfinish(connection)
    }

    /// Connects to the first host that will do; looks names up, and waits for each host as long as the options say.
    ///
    /// - Throws: `.connection` with libpq's words, which name the hosts tried.
    static func connect(_ options: PostgresOptions, waker: Waker) throws(DatabaseError) -> PostgresHandle {
        let parameters = options.target.parameters(options)
        let keywords = parameters.keys.map { strdup($0) }
        let values = parameters.values.map { strdup($0) }
        defer { for copy in keywords + values { free(copy) } }
        // Lists of C strings end with a null pointer.
        let connection = PQconnectdbParams(
            keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
        guard let connection else {
            throw DatabaseError(.connection, detail: "no memory for a connection")
        }
        let handle = PostgresHandle(owning: connection, waker: waker, options)
        guard PQstatus(connection) == CONNECTION_OK else {
            throw DatabaseError(.connection, detail: "\(options.target): \(handle.words)")
        }
        souk_ignore_notices(connection)
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            throw DatabaseError(.connection, detail: "\(options.target): \(handle.words)")
        }
        try handle.prepareControls()
        return handle
    }

    /// Prepares what begins and ends transactions, so that the server does not parse it with every one.
    private func prepareControls() throws(DatabaseError) {
        let texts =
            [PostgresSession.Mode.read, .writing(.serializable), .writing(.readCommitted)].map(\.begin) + [
                "COMMIT"
            ]
        let statements = texts.enumerated().map { PostgresStatement(name: "souk_control_\($0)", text: $1) }
        let replies = try perform(statements.map { .prepare($0) })
        for (statement, reply) in zip(statements, replies) {
            if case .done = reply { controls[statement.text] = statement }
        }
    }

    var socket: Int32 { PQsocket(connection) }

    /// libpq's words about its last failure, on one line.
    private var words: String {
        let words = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        return words.split(byte: "\n").joined(separator: " ")
    }

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool {
        let status = PQtransactionStatus(connection)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    /// Whether the open transaction can only be rolled back.
    var isTransactionFailed: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }

    func markBroken() {
        isBroken = true
    }

    /// Takes in what the server sent by itself, such as notifications and the news that it goes away.
    func absorb() {
        if PQconsumeInput(connection) == 0 || PQstatus(connection) != CONNECTION_OK { isBroken = true }
    }

    /// The channels that were signalled since the last call, each as often as it was.
    func takeNotifications() -> [String] {
        var channels: [String] = []
        while let notification = PQnotifies(connection) {
            channels.append(String(cString: notification.pointee.relname))
            PQfreemem(notification)
        }
        return channels
    }

    /// Whether the server still answers, within the time given.
    func check(timeout: Duration = .seconds(5)) -> Bool {
        (try? perform([.run("SELECT 1")], timeout: timeout)) != nil
    }

    /// Sends the commands and waits for all replies, one for each.
    ///
    /// - Parameter cancellation: Once requested, the server is asked to cancel what runs.
    /// - Throws: `.connection` where the connection broke: whatever was sent may have been done or not.
    func perform(
        _ commands: [Command], cancellation: PostgresCancellation? = nil, timeout: Duration? = nil
    ) throws(DatabaseError) -> [Reply] {
        guard !isBroken else { throw DatabaseError(.connection, detail: "the connection is lost") }
        for command in commands {
            guard send(command) == 1 else { throw broken() }
        }
        guard PQpipelineSync(connection) == 1 else { throw broken() }
        var wait = PostgresWait(
            now: .now, timeout: timeout ?? answerTimeout, cancellation: cancellation)
        var replies: [Reply] = []
        var reply: Reply?
        while true {
            try receive(&wait)
            guard let pointer = PQgetResult(connection) else {
                // The end of one command's results, each of which has at least one.
                guard let complete = reply else { throw broken() }
                replies.append(complete)
                reply = nil
                continue
            }
            let result = PostgresResult(owning: pointer)
            switch result.status {
            case PGRES_PIPELINE_SYNC:
                guard replies.count == commands.count else { throw broken() }
                return replies
            case PGRES_PIPELINE_ABORTED:
                reply = .skipped
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                reply = .done(result)
            default:
                let failure = result.failure
                guard PQstatus(connection) == CONNECTION_OK else { throw broken(failure.message) }
                // Somebody deallocated behind our back, probably all of them.
                if failure.isUnknownStatement { controls = [:] }
                reply = .failed(failure)
            }
        }
    }

    private func send(_ command: Command) -> Int32 {
        switch command {
        case .run(let text):
            if let control = controls[text] {
                PQsendQueryPrepared(connection, control.name, 0, nil, nil, nil, 1)
            } else {
                PQsendQueryParams(connection, text, 0, nil, nil, nil, nil, 1)
            }
        case .prepare(let statement):
            PQsendPrepare(connection, statement.name, statement.text, 0, nil)
        case .describe(let statement):
            PQsendDescribePrepared(connection, statement.name)
        case .execute(let statement, let parameters):
            parameters.withArguments { count, values, lengths, formats in
                PQsendQueryPrepared(connection, statement.name, count, values, lengths, formats, 1)
            }
        case .deallocate(let name):
            // The driver's own names need no quotes.
            PQsendQueryParams(connection, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1)
        }
    }

    /// Sends what is buffered and waits until the next result is there.
    private func receive(_ wait: inout PostgresWait) throws(DatabaseError) {
        while true {
            // Before the wait, too: what woke it may have been looked at by an earlier one.
            if wait.isCancelDue(now: .now) { cancel() }
            let unsent = PQflush(connection)
            guard unsent >= 0 else { throw broken() }
            if PQisBusy(connection) == 0 { return }
            guard let timeout = wait.next(now: .now) else {
                throw broken("the server does not answer")
            }
            let events = waker.wait(socket: socket, writing: unsent == 1, timeout: timeout)
            if events.isReadable, PQconsumeInput(connection) == 0 { throw broken() }
        }
    }

    /// Asks the server, over a connection of its own, to cancel the statement that runs; nothing where none does.
    private func cancel() {
        guard let request = PQgetCancel(connection) else { return }
        defer { PQfreeCancel(request) }
        var words = [CChar](repeating: 0, count: 256)
        // Where the request cannot be made it is made again until the statement ends.
        _ = PQcancel(request, &words, Int32(words.count))
    }

    private func broken(_ reason: String? = nil) -> DatabaseError {
        isBroken = true
        let reason = reason ?? words
        return DatabaseError(.connection, detail: reason.isEmpty ? "the connection broke" : reason)
    }
}

/// How long to wait for an answer, and when to ask for the end of the statement: pure state of one batch.
struct PostgresWait {
    private let end: ContinuousClock.Instant?
    private let cancellation: PostgresCancellation?
    private var nextCancel: (at: ContinuousClock.Instant, pause: Duration)?

    init(now: ContinuousClock.Instant, timeout: Duration?, cancellation: PostgresCancellation?) {
        end = timeout.map { now + $0 }
        self.cancellation = cancellation
    }

    /// The longest time to wait now; nil when it is over.
    func next(now: ContinuousClock.Instant) -> Duration?? {
        if let end, end <= now { return nil }
        guard let first = [end, nextCancel?.at].compactMap({ $0 }).min() else { return .some(nil) }
        return .some(first - now)
    }

    /// Whether to send a cancel request: at once when it is wished for, and then again after 20 ms, doubling to a
    /// second, since a request that comes before its statement cancels nothing.
    mutating func isCancelDue(now: ContinuousClock.Instant) -> Bool {
        guard cancellation?.isRequested == true else { return false }
        if let nextCancel, now < nextCancel.at { return false }
        let pause = min(nextCancel.map { $0.pause * 2 } ?? .milliseconds(20), .seconds(1))
        nextCancel = (now + pause, pause)
        return true
    }
}
