/// Who reads which topics: every service is a consumer group of its own name.
///
/// A broker that keeps nothing for groups it has not heard of is told of all of them before the first event is published.
/// All services read `users`, for what they remember of sessions.
package enum ConsumerGroup: String, CaseIterable, Sendable {
    case auth, product, vendor, order, payment, notification

    package var topics: Set<Topic> {
        switch self {
        case .auth, .product: [.users, .vendors]
        case .vendor: [.users, .orders]
        case .order: [.users, .payments, .vendorOrders, .returns]
        case .payment: [.users, .orders, .returns]
        case .notification: [.users, .vendors, .inventory, .orders, .payments, .vendorOrders, .returns]
        }
    }
}
