import SoukDatabase
import SoukTime

/// Throttle counters in SQL.
struct SQLThrottleStore: ThrottleStore {
    let database: any Database

    func take(_ key: ThrottleKey, at now: Timestamp) async throws -> Duration? {
        try await database.transaction(isolation: .readCommitted) { transaction in
            try await transaction.lock("throttle:\(key.rule.scope)/\(key.subject)")
            let window = try await Self.window(key, in: transaction)
            if let wait = window?.wait(key.rule, at: now) { return wait }
            try await Self.count(key, after: window, at: now, in: transaction)
            return nil
        }
    }

    func giveBack(_ key: ThrottleKey) async throws {
        // In a task of its own, waited for: an attempt that was cancelled came to nothing, too.
        _ = try await Task {
            try await database.execute(
                """
                UPDATE throttles SET attempts = attempts - 1
                WHERE scope = \(key.rule.scope) AND subject = \(key.subject) AND attempts > 0
                """, isolation: .readCommitted)
        }.value
    }

    func clear(_ key: ThrottleKey) async throws {
        try await database.execute(
            "DELETE FROM throttles WHERE scope = \(key.rule.scope) AND subject = \(key.subject)",
            isolation: .readCommitted)
    }

    func purge(at now: Timestamp) async throws {
        try await database.execute("DELETE FROM throttles WHERE ends_at <= \(now)", isolation: .readCommitted)
    }

    private static func window(_ key: ThrottleKey, in reader: any SQLExecutor) async throws -> ThrottleWindow?
    {
        let row = try await reader.first(
            """
            SELECT started_at, attempts FROM throttles
            WHERE scope = \(key.rule.scope) AND subject = \(key.subject)
            """)
        return try row.map {
            ThrottleWindow(startedAt: try $0.get("started_at"), count: try $0.get("attempts"))
        }
    }

    private static func count(
        _ key: ThrottleKey, after window: ThrottleWindow?, at now: Timestamp, in transaction: any Transaction
    ) async throws {
        let next = (window ?? ThrottleWindow(startedAt: now, count: 0)).adding(key.rule, at: now)
        let end = next.startedAt + key.rule.window
        try await transaction.execute(
            """
            INSERT INTO throttles (scope, subject, started_at, ends_at, attempts)
            VALUES (\(key.rule.scope), \(key.subject), \(next.startedAt), \(end), \(next.count))
            ON CONFLICT (scope, subject) DO UPDATE SET
                started_at = excluded.started_at, ends_at = excluded.ends_at, attempts = excluded.attempts
            """)
    }
}
