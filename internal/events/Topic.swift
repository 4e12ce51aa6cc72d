/// The topics of the marketplace. A topic is named for the aggregate whose events it carries, in order per aggregate.
package enum Topic: String, CaseIterable, Sendable {
    case users
    case vendors
    case inventory
    case orders
    case payments
    case vendorOrders = "vendor-orders"
    case returns
}
