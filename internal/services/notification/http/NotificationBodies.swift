import SoukAPI
import SoukIdentifiers
import SoukTime

struct MarkBody: RequestBody {
    let read: Bool

    init(_ fields: FieldReader) {
        read = fields.bool("read")
    }
}

struct NotificationResponse: Encodable, Sendable {
    let id: NotificationID
    let kind: String
    let title: String
    let text: String
    let subject: [String: String]
    let read: Bool
    let createdAt: Timestamp
    let readAt: Timestamp?

    init(_ notification: Notification) {
        id = notification.id
        kind = notification.kind.rawValue
        title = notification.title
        text = notification.text
        subject = notification.subject
        read = notification.readAt != nil
        createdAt = notification.createdAt
        readAt = notification.readAt
    }
}

struct UnreadCountResponse: Encodable, Sendable {
    let count: Int
}

struct MarkedResponse: Encodable, Sendable {
    let marked: Int
}
