import Foundation
import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// Notifications and the e-mails that go with them.
struct NotificationStore: Sendable {
    let database: any Database

    /// Stores a message once per event, user and kind, however often the event is delivered.
    ///
    /// - Returns: Whether it was new.
    @discardableResult
    func insert(
        _ draft: Draft, eventID: String, at now: Timestamp, in tx: any Transaction
    ) async throws -> Bool {
        let id = NotificationID()
        let subject = String(decoding: try JSONEncoder().encode(draft.subject), as: UTF8.self)
        let inserted = try await tx.execute(
            """
            INSERT INTO notifications (id, user_id, event_id, kind, title, body, subject, created_at)
            VALUES (\(id), \(draft.userID), \(eventID), \(draft.kind.rawValue), \(draft.title), \(draft.text),
                \(subject), \(now))
            ON CONFLICT DO NOTHING
            """)
        guard inserted == 1 else { return false }
        if draft.kind.isMailed {
            try await tx.execute(
                "INSERT INTO emails (notification_id, state, next_at) VALUES (\(id), 'pending', \(now))")
        }
        return true
    }

    /// A user's messages, newest first.
    func list(
        of user: UserID, kind: NotificationKind?, unreadOnly: Bool, _ page: PageRequest
    ) async throws -> Page<Notification> {
        var filter: SQL = "user_id = \(user)"
        if let kind { filter = "\(sql: filter) AND kind = \(kind.rawValue)" }
        if unreadOnly { filter = "\(sql: filter) AND read_at IS NULL" }
        let wanted = filter
        return try await database.snapshot { reader in
            let total = try await reader.scalar(
                "SELECT COUNT(*) FROM notifications WHERE \(sql: wanted)", as: Int.self)
            let rows = try await reader.query(
                """
                SELECT * FROM notifications WHERE \(sql: wanted)
                ORDER BY id DESC LIMIT \(page.size) OFFSET \(page.offset)
                """)
            return Page(items: try rows.map(Self.notification), request: page, totalCount: total ?? 0)
        }
    }

    func unreadCount(of user: UserID) async throws -> Int {
        try await database.scalar(
            "SELECT COUNT(*) FROM notifications WHERE user_id = \(user) AND read_at IS NULL") ?? 0
    }

    /// Marks one message read or unread; the first time of reading stands.
    ///
    /// - Returns: The message afterwards; nil if the user has no such message.
    func mark(_ id: NotificationID, of user: UserID, read: Bool, at now: Timestamp) async throws
        -> Notification?
    {
        let change: SQL = read ? "\(now) WHERE read_at IS NULL" : "NULL WHERE read_at IS NOT NULL"
        return try await database.transaction(isolation: .readCommitted) { tx in
            try await tx.execute(
                "UPDATE notifications SET read_at = \(sql: change) AND id = \(id) AND user_id = \(user)")
            return try await tx.first("SELECT * FROM notifications WHERE id = \(id) AND user_id = \(user)")
                .map(Self.notification)
        }
    }

    /// - Returns: How many became read.
    func markAllRead(of user: UserID, at now: Timestamp) async throws -> Int {
        try await database.execute(
            "UPDATE notifications SET read_at = \(now) WHERE user_id = \(user) AND read_at IS NULL")
    }

    /// Deletes what is older than `moment`, and its mail with it; at most 1,000 at a time.
    ///
    /// - Returns: How many went.
    func purge(before moment: Timestamp) async throws -> Int {
        try await database.execute(
            """
            DELETE FROM notifications WHERE id IN (
                SELECT id FROM notifications WHERE created_at < \(moment) ORDER BY created_at LIMIT 1000)
            """)
    }

    /// Deletes the oldest messages of users who have more than `most`, at most 1,000 at a time; one whose mail is to be sent
    /// stays until it is.
    ///
    /// - Returns: How many went.
    func trim(toNewest most: Int) async throws -> Int {
        try await database.execute(Self.trimming(toNewest: most), isolation: .readCommitted)
    }

    /// The statement of ``trim(toNewest:)``. It finds the oldest message to keep once per user, and not once per message.
    static func trimming(toNewest most: Int) -> SQL {
        """
        WITH bounds AS MATERIALIZED (
            SELECT user_id, (
                SELECT id FROM notifications WHERE user_id = full_users.user_id
                ORDER BY id DESC LIMIT 1 OFFSET \(most - 1)) AS oldest
            FROM (
                SELECT user_id FROM notifications GROUP BY user_id HAVING COUNT(*) > \(most)) AS full_users)
        DELETE FROM notifications WHERE id IN (
            SELECT n.id FROM bounds JOIN notifications n ON n.user_id = bounds.user_id AND n.id < bounds.oldest
            WHERE NOT EXISTS (
                SELECT 1 FROM emails WHERE notification_id = n.id AND state = 'pending')
            LIMIT 1000)
        """
    }

    static func notification(_ row: Row) throws -> Notification {
        let kind: String = try row.get("kind")
        let subject: String = try row.get("subject")
        return Notification(
            id: try row.get("id"), userID: try row.get("user_id"),
            // A kind that a newer version stored reads as the plainest one.
            kind: NotificationKind(rawValue: kind) ?? .welcome, title: try row.get("title"),
            text: try row.get("body"),
            subject: try JSONDecoder().decode([String: String].self, from: Data(subject.utf8)),
            createdAt: try row.get("created_at"), readAt: try row.get("read_at"))
    }
}
