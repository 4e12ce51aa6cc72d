import Foundation
import SoukBroker
import SoukDatabase
import SoukTime

/// The tables of the log. Knows nothing of subscriptions.
struct MessageLog: Sendable {
    let database: any Database

    static let migrations = [
        Migration(
            1, "log and group positions",
            [
                // The next position is stored, because a purge may leave a topic without messages.
                """
                CREATE TABLE topics (
                    name TEXT NOT NULL PRIMARY KEY,
                    next_position INTEGER NOT NULL CHECK (next_position >= 0)
                ) STRICT, WITHOUT ROWID
                """,
                """
                CREATE TABLE messages (
                    topic TEXT NOT NULL REFERENCES topics (name),
                    position INTEGER NOT NULL,
                    id TEXT NOT NULL,
                    key TEXT NOT NULL,
                    headers TEXT NOT NULL,
                    payload BLOB NOT NULL,
                    published_at INTEGER NOT NULL,
                    PRIMARY KEY (topic, position)
                ) STRICT, WITHOUT ROWID
                """,
                """
                CREATE TABLE group_positions (
                    group_name TEXT NOT NULL,
                    topic TEXT NOT NULL REFERENCES topics (name),
                    position INTEGER NOT NULL,
                    PRIMARY KEY (group_name, topic)
                ) STRICT, WITHOUT ROWID
                """,
            ])
    ]

    /// Appends in one transaction; returns the first position after the messages once they are durable.
    func append(_ messages: [BrokerMessage], to topic: String, at time: Timestamp) async throws -> Int64 {
        let headers = try messages.map { try Self.encode($0.headers) }
        return try await database.transaction { transaction in
            let end: Int64? = try await transaction.scalar(
                """
                INSERT INTO topics (name, next_position) VALUES (\(topic), \(messages.count))
                ON CONFLICT (name) DO UPDATE SET next_position = next_position + excluded.next_position
                RETURNING next_position
                """)
            guard let end else { throw BrokerError(.unavailable, detail: "no position for \(topic)") }
            let first = end - Int64(messages.count)
            var index = 0
            while index < messages.count {
                // Two shapes of statement, so that both stay prepared.
                let count = messages.count - index >= Self.rowsPerInsert ? Self.rowsPerInsert : 1
                let rows = (index..<index + count).map { index -> SQL in
                    let message = messages[index]
                    return """
                        (\(topic), \(first + Int64(index)), \(message.id), \(message.key), \(headers[index]), \
                        \(message.payload), \(time))
                        """
                }
                try await transaction.execute(
                    """
                    INSERT INTO messages (topic, position, id, key, headers, payload, published_at)
                    VALUES \(sql: rows.joined(separator: ", "))
                    """)
                index += count
            }
            return end
        }
    }

    private static let rowsPerInsert = 16

    /// Up to `limit` messages from a position on, ascending.
    func read(
        _ topic: String, from position: Int64, limit: Int
    ) async throws(DatabaseError) -> [(position: Int64, message: BrokerMessage)] {
        let rows = try await database.query(
            """
            SELECT position, id, key, headers, payload FROM messages
            WHERE topic = \(topic) AND position >= \(position) ORDER BY position LIMIT \(limit)
            """)
        return try Self.messages(rows)
    }

    /// Those of the positions that are kept.
    func read(
        _ topic: String, positions: [Int64]
    ) async throws(DatabaseError) -> [Int64: BrokerMessage] {
        let rows = try await database.query(
            """
            SELECT position, id, key, headers, payload FROM messages
            WHERE topic = \(topic) AND position IN (\(list: positions))
            """)
        return Dictionary(
            try Self.messages(rows).map { ($0.position, $0.message) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// Where a group goes on in each topic, and the topic's end. A group that is new to a topic starts at its
    /// earliest message, and that is stored, so that retention waits for it from now on.
    func join(
        group: String, topics: [String]
    ) async throws -> [(topic: String, position: Int64, end: Int64)] {
        try await database.transaction { transaction in
            var positions: [(topic: String, position: Int64, end: Int64)] = []
            for topic in topics {
                try await transaction.execute(
                    "INSERT INTO topics (name, next_position) VALUES (\(topic), 0) ON CONFLICT (name) DO NOTHING"
                )
                try await transaction.execute(
                    """
                    INSERT INTO group_positions (group_name, topic, position)
                    SELECT \(group), name, coalesce(
                        (SELECT min(position) FROM messages WHERE topic = name), next_position)
                    FROM topics WHERE name = \(topic)
                    ON CONFLICT (group_name, topic) DO NOTHING
                    """)
                let row = try await transaction.first(
                    """
                    SELECT position, next_position FROM group_positions JOIN topics ON name = topic
                    WHERE group_name = \(group) AND topic = \(topic)
                    """)
                guard let row else {
                    throw BrokerError(.unavailable, detail: "no position of \(group) in \(topic)")
                }
                positions.append((topic, try row.get("position"), try row.get("next_position")))
            }
            return positions
        }
    }

    /// Stores how far a group is. Positions never go back.
    func store(_ changes: [GroupState.Change], group: String) async throws {
        try await database.transaction { transaction in
            for change in changes {
                try await transaction.execute(
                    """
                    UPDATE group_positions SET position = max(position, \(change.position))
                    WHERE group_name = \(group) AND topic = \(change.topic)
                    """)
            }
        }
    }

    /// By topic, how many messages lie after the group's stored position.
    func lag(group: String) async throws(DatabaseError) -> [String: Int] {
        let rows = try await database.query(
            """
            SELECT topic, next_position - position AS lag FROM group_positions JOIN topics ON name = topic
            WHERE group_name = \(group)
            """)
        var lags: [String: Int] = [:]
        for row in rows { lags[try row.get("topic")] = try row.get("lag") }
        return lags
    }

    /// Deletes the first of the messages that were published before a time and that every group of their
    /// topic has passed, at most `limit` in each topic; returns how many.
    func purge(before time: Timestamp, limit: Int) async throws -> Int {
        try await database.transaction { transaction in
            var deleted = 0
            for row in try await transaction.query("SELECT name FROM topics") {
                let topic: String = try row.get("name")
                deleted += try await transaction.execute(
                    """
                    DELETE FROM messages WHERE topic = \(topic) AND published_at < \(time) AND position IN (
                        SELECT position FROM messages WHERE topic = \(topic) AND position < coalesce(
                            (SELECT min(position) FROM group_positions WHERE topic = \(topic)), \(Int64.max))
                        ORDER BY position LIMIT \(limit))
                    """)
            }
            return deleted
        }
    }

    func forget(group: String) async throws(DatabaseError) {
        try await database.execute("DELETE FROM group_positions WHERE group_name = \(group)")
    }

    // MARK: - Rows

    private static func messages(
        _ rows: [Row]
    ) throws(DatabaseError) -> [(position: Int64, message: BrokerMessage)] {
        var messages: [(position: Int64, message: BrokerMessage)] = []
        messages.reserveCapacity(rows.count)
        for row in rows {
            let message = BrokerMessage(
                id: try row.get("id"), key: try row.get("key"), headers: try decode(row.get("headers")),
                payload: try row.get("payload"))
            messages.append((try row.get("position"), message))
        }
        return messages
    }

    private static func encode(_ headers: [String: String]) throws -> String {
        headers.isEmpty ? "{}" : String(decoding: try JSONEncoder().encode(headers), as: UTF8.self)
    }

    private static func decode(_ headers: String) throws(DatabaseError) -> [String: String] {
        guard headers != "{}" else { return [:] }
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(headers.utf8))
        } catch {
            throw DatabaseError(.decoding, detail: "headers of a message: \(error)")
        }
    }
}
