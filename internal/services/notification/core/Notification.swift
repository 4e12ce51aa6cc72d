package import SoukIDs
package import SoukIdentifiers
package import SoukTime

/// What happened, as clients tell messages apart.
package enum NotificationKind: String, Sendable, CaseIterable {
    case welcome = "user.welcome"
    case orderPaid = "order.paid"
    case orderCancelled = "order.cancelled"
    case paymentFailed = "payment.failed"
    case refunded = "payment.refunded"
    case shipped = "order.shipped"
    case delivered = "order.delivered"
    case returnRequested = "return.requested"
    case returnApproved = "return.approved"
    case returnRejected = "return.rejected"
    case vendorOrder = "vendor.order"
    case vendorStatus = "vendor.status"
    case stockLow = "inventory.low"

    /// Whether it also goes out as e-mail; the others stay in the app.
    var isMailed: Bool {
        switch self {
        case .delivered, .stockLow: false
        default: true
        }
    }
}

/// One message to one user, as it stands in the in-app list.
package struct Notification: Sendable, Hashable {
    package let id: NotificationID
    package let userID: UserID
    package let kind: NotificationKind
    package let title: String
    /// Plain text.
    package let text: String
    /// What it is about, such as `["order_id": …]`; for links.
    package let subject: [String: String]
    package let createdAt: Timestamp
    /// Nil while unread.
    package let readAt: Timestamp?
}

/// A message before it is stored: rendered, and addressed to a user.
struct Draft: Sendable, Hashable {
    let userID: UserID
    let kind: NotificationKind
    let title: String
    let text: String
    let subject: [String: String]
}
