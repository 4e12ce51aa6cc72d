import Foundation
import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukIDs
import SoukTime

/// The tables of the events runtime: outbox and inbox. Dead letters are in an extension.
///
/// An outbox row is deleted once its event is published, so that the depth is a count and nothing has to be
/// cleaned up.
struct EventStore: Sendable {
    struct OutboxRow: Sendable {
        let id: Int64
        let topic: String
        let envelope: EventEnvelope
    }

    /// The service: who publishes, and whose group consumes.
    let service: String
    let database: any Database

    // MARK: - Outbox

    func append(_ envelope: EventEnvelope, topic: String, in transaction: any Transaction) async throws {
        try await transaction.execute(
            """
            INSERT INTO outbox (event_id, topic, key, type, source, time, traceparent, data)
            VALUES (\(envelope.id), \(topic), \(envelope.subject), \(envelope.type), \(envelope.source), \
            \(envelope.time), \(envelope.traceparent), \(envelope.data))
            """)
    }

    /// The first events of the outbox, in the order of their appending.
    ///
    /// - Parameter lanes: Only those of these lanes; nil for all.
    func outbox(lanes: [Int]? = nil, limit: Int) async throws(DatabaseError) -> [OutboxRow] {
        let filter: SQL = lanes.map { "WHERE lane IN (\(list: $0))" } ?? ""
        let rows = try await database.query(
            """
            SELECT id, event_id, topic, key, type, source, time, traceparent, data
            FROM outbox \(sql: filter) ORDER BY id LIMIT \(limit)
            """)
        var events: [OutboxRow] = []
        events.reserveCapacity(rows.count)
        for row in rows {
            let envelope = EventEnvelope(
                id: try row.get("event_id"), source: try row.get("source"), type: try row.get("type"),
                subject: try row.get("key"), time: try row.get("time"),
                traceparent: try row.get("traceparent"),
                data: try row.get("data"))
            events.append(OutboxRow(id: try row.get("id"), topic: try row.get("topic"), envelope: envelope))
        }
        return events
    }

    /// By id, one by one: where ids are handed out before the commit, a lower one may appear later.
    func deleteFromOutbox(_ ids: [Int64]) async throws {
        switch database.dialect {
        case .sqlite:
            try await database.execute("DELETE FROM outbox WHERE id IN (\(list: ids))")
        case .postgres:
            // One text for every number of ids, which the server keeps prepared.
            let list = ids.map(String.init).joined(separator: ",")
            try await database.execute(
                "DELETE FROM outbox WHERE id = ANY (CAST(string_to_array(\(list), ',') AS BIGINT[]))",
                isolation: .readCommitted)
        }
    }

    func outboxDepth() async throws(DatabaseError) -> Int {
        try await database.scalar("SELECT count(*) FROM outbox") ?? 0
    }

    // MARK: - Inbox

    /// Lets the transactions that process events of one key, in whatever process, take turns: a redrive must not run
    /// beside a fresh event, nor a message beside its copy that was handed to another member of the group.
    func takeTurn(topic: String, key: String, in transaction: any Transaction) async throws(DatabaseError) {
        guard !key.isEmpty else { return }
        try await transaction.lock("inbox:\(service)/\(topic)/\(key)")
    }

    /// As ``takeTurn(topic:key:in:)``, for several keys at once.
    func takeTurns(
        _ keys: [KeyGate.Key], in transaction: any Transaction
    ) async throws(DatabaseError) {
        try await transaction.lock(
            keys.filter { !$0.key.isEmpty }.map { "inbox:\(service)/\($0.topic)/\($0.key)" })
    }

    /// As ``recordInInbox(_:at:in:)``, for several events, no two of them the same; which of them are to be handled.
    func recordInInbox(
        _ eventIDs: [String], at time: Timestamp, in transaction: any Transaction
    ) async throws(DatabaseError) -> Set<String> {
        let arrived = eventIDs.map { "(\($0))" as SQL }.joined(separator: ", ")
        let rows = try await transaction.query(
            """
            WITH arrived (event_id) AS (VALUES \(sql: arrived))
            INSERT INTO inbox (consumer, event_id, processed_at)
            SELECT \(service), arrived.event_id, \(time) FROM arrived WHERE NOT EXISTS (
                SELECT 1 FROM dead_letters
                WHERE consumer = \(service) AND dead_letters.event_id = arrived.event_id)
            ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id
            """)
        var fresh: Set<String> = []
        for row in rows { fresh.insert(try row.get("event_id")) }
        return fresh
    }

    /// Records that the event is being processed by this transaction. False when it was processed before, or
    /// is a dead letter and must not run except by a redrive.
    func recordInInbox(
        _ eventID: String, at time: Timestamp, in transaction: any Transaction
    ) async throws(DatabaseError) -> Bool {
        let inserted = try await transaction.execute(
            """
            INSERT INTO inbox (consumer, event_id, processed_at)
            SELECT \(service), \(eventID), \(time) WHERE NOT EXISTS (
                SELECT 1 FROM dead_letters WHERE consumer = \(service) AND event_id = \(eventID))
            ON CONFLICT (consumer, event_id) DO NOTHING
            """)
        return inserted > 0
    }

    /// As `recordInInbox`, for an event that is a dead letter: by its redrive or by being discarded.
    func recordDeadLetterInInbox(
        _ eventID: String, at time: Timestamp, in transaction: any Transaction
    ) async throws(DatabaseError) -> Bool {
        let inserted = try await transaction.execute(
            """
            INSERT INTO inbox (consumer, event_id, processed_at) VALUES (\(service), \(eventID), \(time))
            ON CONFLICT (consumer, event_id) DO NOTHING
            """)
        return inserted > 0
    }

    /// Forgets events processed before a time, at most `limit`; returns how many.
    func purgeInbox(before time: Timestamp, limit: Int) async throws(DatabaseError) -> Int {
        try await database.execute(
            """
            DELETE FROM inbox WHERE (consumer, event_id) IN (
                SELECT consumer, event_id FROM inbox WHERE processed_at < \(time) LIMIT \(limit))
            """)
    }
}

/// Reads and writes the headers column.
enum HeaderColumn {
    static func encode(_ headers: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(headers), as: UTF8.self)
    }

    static func decode(_ text: String) throws(DatabaseError) -> [String: String] {
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        } catch {
            throw DatabaseError(.decoding, detail: "headers of a dead letter: \(error)")
        }
    }
}
