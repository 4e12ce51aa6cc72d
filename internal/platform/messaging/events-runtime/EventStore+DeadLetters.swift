import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukIDs
import SoukPagination
import SoukTime

/// Names the ids of dead letters.
private enum DeadLetterTag {}

extension EventStore {
    /// When and how often a message failed.
    struct FailureRecord: Sendable {
        var attempts: Int
        var firstFailedAt: Timestamp
        var lastFailedAt: Timestamp
    }

    /// Writes a message off, in one transaction. A message that is a dead letter already adds its attempts to
    /// it.
    func writeOff(
        _ message: BrokerMessage, topic: String, eventID: String, type: String?, failure: FailureDescription,
        record: FailureRecord
    ) async throws {
        let headers = try HeaderColumn.encode(message.headers)
        let id = ID<DeadLetterTag>()
        try await database.execute(
            """
            INSERT INTO dead_letters (id, consumer, event_id, type, topic, key, headers, payload, error_code, error,
                attempts, first_failed_at, last_failed_at, status)
            VALUES (\(id), \(service), \(eventID), \(type), \(topic), \(message.key), \(headers), \(message.payload),
                \(failure.code), \(failure.text), \(record.attempts), \(record.firstFailedAt),
                \(record.lastFailedAt), 'dead')
            ON CONFLICT (consumer, event_id) DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts,
                error_code = excluded.error_code, error = excluded.error, last_failed_at = excluded.last_failed_at
            """)
    }

    // MARK: - Looking

    /// Newest first.
    func deadLetters(_ page: PageRequest) async throws -> Page<DeadLetter> {
        try await database.snapshot { reader in
            let count: Int? = try await reader.scalar(
                "SELECT count(*) FROM dead_letters WHERE consumer = \(service)")
            let rows = try await reader.query(
                """
                SELECT \(raw: Self.columns) FROM dead_letters WHERE consumer = \(service)
                ORDER BY sequence DESC LIMIT \(page.size) OFFSET \(page.offset)
                """)
            return Page(items: try rows.map(Self.deadLetter), request: page, totalCount: count ?? 0)
        }
    }

    /// How many there are by the code of their last failure.
    func deadLettersByError() async throws -> [String: Int] {
        let rows = try await database.query(
            "SELECT error_code, count(*) AS letters FROM dead_letters WHERE consumer = \(service) GROUP BY error_code"
        )
        return Dictionary(
            uniqueKeysWithValues: try rows.map { row in
                (try row.get("error_code", as: String.self), try row.get("letters", as: Int.self))
            })
    }

    func deadLetter(id: String) async throws -> DeadLetter? {
        try await Self.deadLetter(id: id, consumer: service, database)
    }

    func deadLetter(id: String, in transaction: any Transaction) async throws -> DeadLetter? {
        try await Self.deadLetter(id: id, consumer: service, transaction)
    }

    private static func deadLetter(
        id: String, consumer: String, _ executor: any SQLExecutor
    ) async throws -> DeadLetter? {
        try await executor.first(
            "SELECT \(raw: columns) FROM dead_letters WHERE consumer = \(consumer) AND id = \(id)"
        ).map(deadLetter)
    }

    private static let columns = """
        id, consumer, event_id, type, topic, key, headers, payload, error_code, error, attempts, first_failed_at, \
        last_failed_at, status
        """

    private static func deadLetter(_ row: Row) throws -> DeadLetter {
        guard let status = DeadLetter.Status(rawValue: try row.get("status")) else {
            throw DatabaseError(.decoding, detail: "status of a dead letter")
        }
        return DeadLetter(
            id: try row.get("id"), consumer: try row.get("consumer"), eventID: try row.get("event_id"),
            type: try row.get("type"), topic: try row.get("topic"), key: try row.get("key"),
            headers: try HeaderColumn.decode(row.get("headers")), payload: try row.get("payload"),
            errorCode: try row.get("error_code"), error: try row.get("error"),
            attempts: try row.get("attempts"),
            firstFailedAt: try row.get("first_failed_at"), lastFailedAt: try row.get("last_failed_at"),
            status: status)
    }

    // MARK: - Redriving

    /// Marks one for the consumer to process again. False when there is none; true when it was marked
    /// already.
    func markForRedrive(id: String) async throws(DatabaseError) -> Bool {
        try await database.execute(
            "UPDATE dead_letters SET status = 'redriving' WHERE consumer = \(service) AND id = \(id)") > 0
    }

    /// Marks all; returns how many were not marked before.
    func markAllForRedrive() async throws(DatabaseError) -> Int {
        try await database.execute(
            "UPDATE dead_letters SET status = 'redriving' WHERE consumer = \(service) AND status = 'dead'")
    }

    /// Ids, topics and keys of those to process again, oldest first.
    func toRedrive(limit: Int) async throws -> [(id: String, topic: String, key: String)] {
        try await database.query(
            """
            SELECT id, topic, key FROM dead_letters WHERE consumer = \(service) AND status = 'redriving'
            ORDER BY sequence LIMIT \(limit)
            """
        ).map { (try $0.get("id"), try $0.get("topic"), try $0.get("key")) }
    }

    /// It failed again. Nothing where another process has found that out already.
    func redriveFailed(id: String, failure: FailureDescription, at time: Timestamp)
        async throws(DatabaseError)
    {
        try await database.execute(
            """
            UPDATE dead_letters SET status = 'dead', attempts = attempts + 1, error_code = \(failure.code),
                error = \(failure.text), last_failed_at = \(time)
            WHERE consumer = \(service) AND id = \(id) AND status = 'redriving'
            """)
    }

    /// It was not tried, because an older one of its key failed again.
    func unmarkForRedrive(id: String) async throws(DatabaseError) {
        try await database.execute(
            "UPDATE dead_letters SET status = 'dead' WHERE consumer = \(service) AND id = \(id)")
    }

    func deleteDeadLetter(id: String, in transaction: any Transaction) async throws(DatabaseError) -> Bool {
        try await transaction.execute(
            "DELETE FROM dead_letters WHERE consumer = \(service) AND id = \(id)") > 0
    }
}
