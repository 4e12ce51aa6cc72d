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

    /// As ``dueEmails(at:limit:)``, for whoever sends them. Where several processes may send, these are nobody else's
    /// until `end`, and due again then should they still wait.
    func takeDueEmails(at now: Timestamp, until end: Timestamp, limit: Int) async throws -> [Notification] {
        switch database.dialect {
        case .sqlite:
            return try await dueEmails(at: now, limit: limit)
        case .postgres:
            return try await database.transaction(isolation: .readCommitted) { tx in
                try await tx.query(
                    """
                    WITH taken AS (
                        UPDATE emails SET next_at = \(end) WHERE notification_id = ANY (ARRAY(
                            SELECT notification_id FROM emails WHERE state = 'pending' AND next_at <= \(now)
                            ORDER BY next_at LIMIT \(limit)\(sql: tx.forUpdateSkippingLocked)))
                        RETURNING notification_id)
                    SELECT n.* FROM taken JOIN notifications n ON n.id = taken.notification_id ORDER BY n.id
                    """
                ).map(Self.notification)
            }
        }
    }

    /// Makes e-mails that were taken and not sent due again.
    func giveBack(_ ids: [NotificationID], at now: Timestamp) async throws {
        try await database.execute(
            "UPDATE emails SET next_at = \(now) WHERE state = 'pending' AND notification_id IN (\(list: ids))"
        )
    }

    func markSent(_ id: NotificationID) async throws {
        try await database.execute("UPDATE emails SET state = 'sent' WHERE notification_id = \(id)")
    }

    func markUndeliverable(_ id: NotificationID) async throws {
        try await database.execute("UPDATE emails SET state = 'undeliverable' WHERE notification_id = \(id)")
    }

    /// Puts an e-mail off: one minute, doubling to one hour.
    func postpone(_ id: NotificationID, from now: Timestamp) async throws {
        try await database.transaction(isolation: .readCommitted) { tx in
            let attempts: Int =
                try await tx.scalar(
                    "SELECT attempts FROM emails WHERE notification_id = \(id)\(sql: tx.forUpdate)") ?? 0
            let wait = Duration.seconds(min(60 << min(attempts, 6), 3_600))
            try await tx.execute(
                """
                UPDATE emails SET attempts = attempts + 1, next_at = \(now + wait) WHERE notification_id = \(id)
                """)
        }
    }
}
