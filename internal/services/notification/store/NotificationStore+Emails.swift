import SoukDatabase
import SoukIdentifiers
import SoukTime

extension NotificationStore {
    /// E-mails whose time has come, the oldest first.
    func dueEmails(at now: Timestamp, limit: Int) async throws -> [Notification] {
        try await database.query(
            """
            SELECT n.* FROM emails e JOIN notifications n ON n.id = e.notification_id
            WHERE e.state = 'pending' AND e.next_at <= \(now) ORDER BY e.next_at LIMIT \(limit)
            """
        ).map(Self.notification)
    }

    func markSent(_ id: NotificationID) async throws {
        try await database.execute("UPDATE emails SET state = 'sent' WHERE notification_id = \(id)")
    }

    func markUndeliverable(_ id: NotificationID) async throws {
        try await database.execute("UPDATE emails SET state = 'undeliverable' WHERE notification_id = \(id)")
    }

    /// Puts an e-mail off: one minute, doubling to one hour.
    func postpone(_ id: NotificationID, from now: Timestamp) async throws {
        try await database.transaction { tx in
            let attempts: Int =
                try await tx.scalar("SELECT attempts FROM emails WHERE notification_id = \(id)") ?? 0
            let wait = Duration.seconds(min(60 << min(attempts, 6), 3_600))
            try await tx.execute(
                """
                UPDATE emails SET attempts = attempts + 1, next_at = \(now + wait) WHERE notification_id = \(id)
                """)
        }
    }
}
