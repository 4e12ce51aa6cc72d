package import SoukErrors
package import SoukIdentifiers

/// Why the vendor service refused a peer.
package enum VendorKernelError: SoukError {
    /// A line that asked for more than there is.
    package struct Shortage: Sendable, Hashable {
        package let storeID: StoreID
        package let sku: String
        package let requested: Int
        package let available: Int

        package init(storeID: StoreID, sku: String, requested: Int, available: Int) {
            self.storeID = storeID
            self.sku = sku
            self.requested = requested
            self.available = available
        }
    }

    case insufficientStock([Shortage])
    /// More than one holder may have of these lines now; `available` is what the holder may have beside its other holds.
    case holdTooLarge([Shortage])
    /// The store is unknown, closed, or its vendor is not active.
    case storeClosed(StoreID)
    /// The order's reservation was already released, committed or has expired.
    case reservationEnded(OrderID)
    case alreadyShipped(OrderID)
    /// The service or its database can't be reached now; the text is for logs.
    case unavailable(String)

    package var kind: ErrorKind {
        switch self {
        case .insufficientStock, .holdTooLarge, .storeClosed, .reservationEnded, .alreadyShipped: .conflict
        case .unavailable: .unavailable
        }
    }

    package var code: String {
        switch self {
        case .insufficientStock: "stock.insufficient"
        case .holdTooLarge: "limit.held_stock"
        case .storeClosed: "store.closed"
        case .reservationEnded: "stock.reservation_ended"
        case .alreadyShipped: "order.already_shipped"
        case .unavailable: "vendor.unavailable"
        }
    }

    package var message: String {
        switch self {
        case .insufficientStock(let shortages):
            "Not enough in stock of \(shortages.map(\.sku).joined(separator: ", "))."
        case .holdTooLarge(let shortages):
            "Unpaid orders of yours ended with too much of \(shortages.map(\.sku).joined(separator: ", ")) in them; "
                + "order fewer, or try again tomorrow."
        case .storeClosed: "A store in this order doesn't sell at the moment."
        case .reservationEnded: "The stock held for this order is no longer held."
        case .alreadyShipped: "A part of this order has already been shipped."
        case .unavailable: "The vendor service can't be reached right now."
        }
    }

    package var detail: String? {
        switch self {
        case .insufficientStock(let shortages), .holdTooLarge(let shortages):
            shortages.map { "\($0.sku)@\($0.storeID): \($0.requested) of \($0.available)" }.joined(
                separator: "; ")
        case .storeClosed(let store): "store \(store)"
        case .reservationEnded(let order), .alreadyShipped(let order): "order \(order)"
        case .unavailable(let detail): detail
        }
    }

    package var fieldErrors: [FieldError] {
        switch self {
        case .insufficientStock(let shortages):
            shortages.map {
                FieldError(
                    field: $0.sku, code: code, message: "\($0.requested) requested, \($0.available) available"
                )
            }
        case .holdTooLarge(let shortages):
            shortages.map {
                FieldError(
                    field: $0.sku, code: code,
                    message: "\($0.requested) requested, you may order \($0.available) now")
            }
        default: []
        }
    }
}
