import SoukAPI
import SoukDatabase
import SoukTime

/// A webhook that waits for its receiver.
struct QueuedWebhook: Sendable, Hashable {
    let sequence: Int64
    let eventID: String
    let body: String
    let attempts: Int
    let createdAt: Timestamp
}

/// Webhooks to be delivered, written in the transactions that they tell of.
struct WebhookQueue: Sendable {
    func append(_ payload: WebhookPayload, now: Timestamp, in tx: any Transaction) async throws {
        let body = String(decoding: try JSONCoding.encode(payload), as: UTF8.self)
        try await tx.execute(
            """
            INSERT INTO webhooks (event_id, reference, body, next_attempt_at, created_at)
            VALUES (\(payload.id), \(payload.data.charge), \(body), \(now), \(now))
            """)
    }

    /// At most one per charge, the oldest open one, if it is due. A first attempt always is: a time in the future would be that
    /// of a process whose clock was ahead.
    func due(
        at now: Timestamp, limit: Int, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> [QueuedWebhook] {
        let rows = try await reader.query(
            """
            SELECT w.sequence, w.event_id, w.body, w.attempts, w.created_at FROM webhooks w
            WHERE w.delivered_at IS NULL AND w.abandoned_at IS NULL
                AND (w.attempts = 0 OR w.next_attempt_at <= \(now))
                AND NOT EXISTS (
                    SELECT 1 FROM webhooks e
                    WHERE e.reference = w.reference AND e.sequence < w.sequence
                        AND e.delivered_at IS NULL AND e.abandoned_at IS NULL)
            ORDER BY w.next_attempt_at, w.sequence LIMIT \(limit)
            """)
        var webhooks: [QueuedWebhook] = []
        for row in rows {
            webhooks.append(
                QueuedWebhook(
                    sequence: try row.get("sequence"), eventID: try row.get("event_id"),
                    body: try row.get("body"),
                    attempts: try row.get("attempts"), createdAt: try row.get("created_at")))
        }
        return webhooks
    }

    func setDelivered(
        _ webhook: QueuedWebhook, now: Timestamp, in writer: any SQLExecutor
    ) async throws(DatabaseError) {
        try await writer.execute(
            """
            UPDATE webhooks SET delivered_at = \(now), attempts = attempts + 1, last_error = NULL
            WHERE sequence = \(webhook.sequence)
            """)
    }

    func setAbandoned(
        _ webhook: QueuedWebhook, error: String, now: Timestamp, in writer: any SQLExecutor
    ) async throws(DatabaseError) {
        try await writer.execute(
            """
            UPDATE webhooks SET abandoned_at = \(now), attempts = attempts + 1, last_error = \(error)
            WHERE sequence = \(webhook.sequence)
            """)
    }

    func postpone(
        _ webhook: QueuedWebhook, until time: Timestamp, error: String, in writer: any SQLExecutor
    ) async throws(DatabaseError) {
        try await writer.execute(
            """
            UPDATE webhooks SET next_attempt_at = \(time), attempts = attempts + 1, last_error = \(error)
            WHERE sequence = \(webhook.sequence)
            """)
    }

    /// Forgets what was delivered before a time.
    func purge(before time: Timestamp, in writer: any SQLExecutor) async throws(DatabaseError) {
        try await writer.execute("DELETE FROM webhooks WHERE delivered_at < \(time)")
    }
}
