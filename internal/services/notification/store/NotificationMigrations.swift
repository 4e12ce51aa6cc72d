import SoukDatabase

enum NotificationMigrations {
    static let all = [
        Migration(
            1, "notifications and their e-mails",
            portable: [
                """
                CREATE TABLE notifications (
                    id TEXT NOT NULL PRIMARY KEY,
                    user_id TEXT NOT NULL,
                    event_id TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    title TEXT NOT NULL,
                    body TEXT NOT NULL,
                    subject TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    read_at BIGINT,
                    UNIQUE (user_id, event_id, kind)
                )
                """,
                "CREATE INDEX notifications_by_user ON notifications (user_id, id)",
                "CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE read_at IS NULL",
                "CREATE INDEX notifications_by_age ON notifications (created_at)",
                """
                CREATE TABLE emails (
                    notification_id TEXT NOT NULL PRIMARY KEY REFERENCES notifications (id) ON DELETE CASCADE,
                    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'undeliverable')),
                    attempts BIGINT NOT NULL DEFAULT 0,
                    next_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX emails_pending ON emails (next_at) WHERE state = 'pending'",
            ]),
        Migration(
            2, "mails to unverified addresses are withheld",
            portable: [
                """
                CREATE TABLE new_emails (
                    notification_id TEXT NOT NULL PRIMARY KEY REFERENCES notifications (id) ON DELETE CASCADE,
                    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'undeliverable', 'withheld')),
                    attempts BIGINT NOT NULL DEFAULT 0,
                    next_at BIGINT NOT NULL
                )
                """,
                "INSERT INTO new_emails SELECT notification_id, state, attempts, next_at FROM emails",
                "DROP TABLE emails",
                "ALTER TABLE new_emails RENAME TO emails",
                "CREATE INDEX emails_pending ON emails (next_at) WHERE state = 'pending'",
                "CREATE INDEX emails_withheld ON emails (notification_id) WHERE state = 'withheld'",
            ]),
        Migration(
            3, "mails about accounts",
            portable: [
                """
                CREATE TABLE account_mails (
                    request_id TEXT NOT NULL PRIMARY KEY,
                    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'undeliverable')),
                    attempts BIGINT NOT NULL DEFAULT 0,
                    next_at BIGINT NOT NULL,
                    created_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX account_mails_pending ON account_mails (next_at) WHERE state = 'pending'",
                "CREATE INDEX account_mails_by_age ON account_mails (created_at)",
            ]),
    ]
}
