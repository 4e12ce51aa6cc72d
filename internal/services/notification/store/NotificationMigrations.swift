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
            ])
    ]
}
