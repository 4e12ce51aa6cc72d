import SoukDatabase
import SoukTime

/// Throttle counters in SQL.
struct SQLThrottleStore: ThrottleStore {
    let database: any Database

    func take(_ keys: [ThrottleKey], at now: Timestamp) async throws -> ThrottleRefusal? {
        guard !keys.isEmpty else { return nil }
        return try await database.transaction(isolation: .readCommitted) { transaction in
            try await transaction.lock(keys.map { "throttle:\($0.rule.scope)/\($0.subject)" })
            var windows: [ThrottleWindow?] = []
            for key in keys { windows.append(try await Self.window(key, in: transaction)) }
            let refusals = zip(keys, windows).compactMap { key, window in
                window?.wait(key.rule, at: now).map { ThrottleRefusal(key: key, wait: $0) }
            }
            if let longest = refusals.max(by: { $0.wait < $1.wait }) { return longest }
            for (key, window) in zip(keys, windows) {
                try await Self.count(key, after: window, at: now, in: transaction)
            }
            return nil
        }
    }

    func settle(clearing: [ThrottleKey], givingBack: [ThrottleKey]) async throws {
        guard !clearing.isEmpty || !givingBack.isEmpty else { return }
        // In a task of its own, waited for: an attempt that was cancelled came to nothing, too.
        try await Task {
            try await database.transaction(isolation: .readCommitted) { transaction in
                try await transaction.lock(
                    (clearing + givingBack).map { "throttle:\($0.rule.scope)/\($0.subject)" })
                for key in clearing {
                    try await transaction.execute(
                        "DELETE FROM throttles WHERE scope = \(key.rule.scope) AND subject = \(key.subject)")
                }
                for key in givingBack {
                    try await transaction.execute(
                        """
                        UPDATE throttles SET attempts = attempts - 1
                        WHERE scope = \(key.rule.scope) AND subject = \(key.subject) AND attempts > 0
                        """)
                }
            }
        }.value
    }

    func purge(at now: Timestamp) async throws {
        let batch = 1_000
        _ = try await database.executeInBatches(of: batch) {
            """
            DELETE FROM throttles WHERE (scope, subject) IN (
                SELECT scope, subject FROM throttles WHERE ends_at <= \(now) LIMIT \(batch))
            """
        }
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
