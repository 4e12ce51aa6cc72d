import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

extension NotificationStore {
    /// The e-mails that go with notifications.
    var emails: MailQueue<NotificationID> {
        MailQueue(database: database, table: "emails", key: "notification_id")
    }

    /// Mails about accounts, of which only the requests are kept.
    var accountMails: MailQueue<MailRequestID> {
        MailQueue(database: database, table: "account_mails", key: "request_id")
    }

    /// E-mails to an address that is verified later than this are not sent any more.
    static var withheldFor: Duration { .seconds(24 * 3_600) }

    /// The notifications with these ids, in no particular order; those that were removed are left out.
    func notifications(_ ids: [NotificationID]) async throws -> [Notification] {
        try await database.query("SELECT * FROM notifications WHERE id IN (\(list: ids))").map(
            Self.notification)
    }

    /// Has what was withheld from a user sent, as far as it is news.
    ///
    /// - Returns: How many e-mails are due now.
    @discardableResult
    func release(to user: UserID, at now: Timestamp, in executor: any SQLExecutor) async throws -> Int {
        try await executor.execute(
            """
            UPDATE emails SET state = 'pending', next_at = \(now) WHERE state = 'withheld' AND notification_id IN (
                SELECT id FROM notifications WHERE user_id = \(user) AND created_at > \(now - Self.withheldFor))
            """)
    }

    /// Keeps a request for a mail about an account, once however often it comes.
    func insert(_ request: MailRequestID, at now: Timestamp, in tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO account_mails (request_id, state, next_at, created_at)
            VALUES (\(request), 'pending', \(now), \(now)) ON CONFLICT DO NOTHING
            """)
    }

    /// Removes requests for mails about accounts that are older than `moment`.
    func purgeAccountMails(before moment: Timestamp) async throws {
        let batch = 1_000
        try await database.executeInBatches(of: batch) {
            """
            DELETE FROM account_mails WHERE request_id IN (
                SELECT request_id FROM account_mails WHERE created_at < \(moment) ORDER BY created_at LIMIT \(batch))
            """
        }
    }
}
