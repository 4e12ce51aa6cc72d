import SoukDatabase
import SoukMoney
import SoukTime

/// What became of a webhook.
enum WebhookOutcome: String, Sendable, CaseIterable {
    /// It moved an intent on.
    case applied
    /// Late, or of no interest.
    case ignored
    /// It speaks of a charge that we don't know; the reconciler looks at it again.
    case orphan
    /// It speaks of another amount than the intent's; nothing was taken into the books.
    case mismatch
}

/// A webhook whose charge was unknown when it came.
struct OrphanedWebhook: Sendable, Hashable {
    let provider: String
    let eventID: String
    let reference: String
    let checks: Int
}

/// Remembers every webhook by its provider's event id.
struct WebhookStore: Sendable {
    /// Remembers an event; false when it is known already.
    func insert(
        _ event: ProviderEvent, provider: String, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            """
            INSERT INTO webhook_events (provider, event_id, type, reference, amount, currency, outcome, occurred_at,
                received_at)
            VALUES (\(provider), \(event.id), \(event.type), \(event.reference), \(event.amount.amount),
                \(event.amount.currency.code), \(WebhookOutcome.ignored.rawValue), \(event.occurredAt), \(now))
            ON CONFLICT (provider, event_id) DO NOTHING
            """) == 1
    }

    /// Forgets events that were received before `moment`, but for those that wait for a check.
    func purge(receivedBefore moment: Timestamp, in database: any Database) async throws {
        try await database.executeInBatches(of: 1_000) {
            """
            DELETE FROM webhook_events WHERE (provider, event_id) IN (
                SELECT provider, event_id FROM webhook_events
                WHERE received_at < \(moment) AND next_check_at IS NULL LIMIT 1000)
            """
        }
    }

    /// - Parameter nextCheckAt: when the reconciler looks at it; nil for never.
    func setOutcome(
        _ outcome: WebhookOutcome, provider: String, eventID: String, nextCheckAt: Timestamp?,
        in tx: any SQLExecutor
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE webhook_events SET outcome = \(outcome.rawValue), next_check_at = \(nextCheckAt)
            WHERE provider = \(provider) AND event_id = \(eventID)
            """)
    }

    func dueOrphans(
        at now: Timestamp, limit: Int, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> [OrphanedWebhook] {
        let rows = try await reader.query(
            """
            SELECT provider, event_id, reference, checks FROM webhook_events
            WHERE outcome = 'orphan' AND next_check_at <= \(now) ORDER BY next_check_at LIMIT \(limit)
            """)
        var orphans: [OrphanedWebhook] = []
        for row in rows {
            orphans.append(
                OrphanedWebhook(
                    provider: try row.get("provider"), eventID: try row.get("event_id"),
                    reference: try row.get("reference"), checks: try row.get("checks")))
        }
        return orphans
    }

    /// - Parameter time: nil gives up looking; the orphan stays on record.
    func setNextCheck(
        at time: Timestamp?, of orphan: OrphanedWebhook, in tx: any SQLExecutor
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE webhook_events SET next_check_at = \(time), checks = checks + 1
            WHERE provider = \(orphan.provider) AND event_id = \(orphan.eventID)
            """)
    }
}
