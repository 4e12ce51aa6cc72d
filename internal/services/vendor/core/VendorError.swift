import SoukErrors
import SoukIDs
import SoukIdentifiers

/// Why the vendor service refused a caller.
enum VendorError: SoukError, Hashable {
    /// No such thing, or not this caller's: the two can't be told apart.
    case notFound(Thing)
    case alreadyVendor
    case slugTaken
    case vendorNotActive(VendorStatus)
    case illegalDecision(VendorDecision, VendorStatus)
    /// `If-Match` names another version than the present one.
    case versionMismatch(current: Int)
    /// Counts below what is reserved, by position in the request.
    case belowReserved([Int: Int])
    /// SKUs of which there is less than needed.
    case insufficientStock([String])
    case illegalTransition(String, VendorOrderStatus)
    /// Lines of which less is left to ship than asked for.
    case shipmentExceedsOrder([OrderLineID])
    case nothingShipped
    /// Lines of which less can come back than asked for.
    case returnExceedsShipped([OrderLineID])
    case illegalReturnDecision(ReturnStatus, ReturnStatus)
    /// The vendor has as many stores as are allowed; the number is the limit.
    case tooManyStores(Int)
    /// The store would list more SKUs than are allowed.
    case tooManySKUs(Int)
    /// The day's changes of stock by hand are used up; the duration is the rest of the day.
    case tooManyStockChanges(Int, until: Duration)

    enum Thing: String, Sendable {
        case vendor, store, inventory, vendorOrder = "vendor_order", shipment, `return`
    }

    var kind: ErrorKind {
        switch self {
        case .notFound: .notFound
        // Taken by an admin, where a pending one only has to wait.
        case .vendorNotActive(.suspended), .vendorNotActive(.rejected): .forbidden
        case .versionMismatch: .preconditionFailed
        case .tooManyStores, .tooManySKUs: .unprocessable
        case .tooManyStockChanges: .rateLimited
        case .alreadyVendor, .slugTaken, .vendorNotActive, .illegalDecision, .belowReserved,
            .insufficientStock,
            .illegalTransition, .shipmentExceedsOrder, .nothingShipped, .returnExceedsShipped,
            .illegalReturnDecision:
            .conflict
        }
    }

    var code: String {
        switch self {
        case .notFound(let thing): "\(thing.rawValue).not_found"
        case .alreadyVendor: "vendor.exists"
        case .slugTaken: "slug.taken"
        case .vendorNotActive: "vendor.not_active"
        case .illegalDecision: "vendor.invalid_state"
        case .versionMismatch: "version.mismatch"
        case .belowReserved: "stock.below_reserved"
        case .insufficientStock: "stock.insufficient"
        case .illegalTransition: "vendor_order.invalid_state"
        case .shipmentExceedsOrder: "shipment.exceeds_order"
        case .nothingShipped: "return.nothing_shipped"
        case .returnExceedsShipped: "return.exceeds_shipped"
        case .illegalReturnDecision: "return.invalid_state"
        case .tooManyStores: "limit.stores"
        case .tooManySKUs: "limit.skus"
        case .tooManyStockChanges: "limit.stock_changes"
        }
    }

    var message: String {
        switch self {
        case .notFound(let thing):
            switch thing {
            case .vendor: "There is no such vendor."
            case .store: "There is no such store."
            case .inventory: "This store doesn't list that SKU."
            case .vendorOrder: "There is no such vendor order."
            case .shipment: "There is no such shipment."
            case .return: "There is no such return."
            }
        case .alreadyVendor: "You have a vendor account already."
        case .slugTaken: "This slug is taken."
        case .vendorNotActive(let status): "The vendor account is \(status.rawValue), not active."
        case .illegalDecision(let decision, let status):
            "A vendor that is \(status.rawValue) doesn't allow: \(decision.rawValue)."
        case .versionMismatch: "It has changed since you read it; read it again."
        case .belowReserved: "Less than what is reserved for orders."
        case .insufficientStock(let skus): "Not enough in stock of \(skus.joined(separator: ", "))."
        case .illegalTransition(let action, let status):
            "A vendor order that is \(status.rawValue) doesn't allow: \(action)."
        case .shipmentExceedsOrder: "More than what is left to ship."
        case .nothingShipped: "Nothing of this order has been shipped, so nothing can come back."
        case .returnExceedsShipped: "More than what was shipped and isn't being returned already."
        case .illegalReturnDecision(_, let status): "This return was \(status.rawValue) already."
        case .tooManyStores(let limit): "A vendor has at most \(limit) stores."
        case .tooManySKUs(let limit): "A store lists at most \(limit) SKUs."
        case .tooManyStockChanges(let limit, _):
            "At most \(limit) changes of stock are booked for a store on one day (UTC)."
        }
    }

    var detail: String? {
        guard case .versionMismatch(let current) = self else { return nil }
        return "current version \(current)"
    }

    var retryAfter: Duration? {
        guard case .tooManyStockChanges(_, let wait) = self else { return nil }
        return wait
    }

    var fieldErrors: [FieldError] {
        switch self {
        case .belowReserved(let items):
            items.sorted { $0.key < $1.key }.map {
                FieldError(
                    field: "items[\($0.key)].on_hand", code: "stock.below_reserved",
                    message: "\($0.value) are reserved for orders.")
            }
        case .shipmentExceedsOrder(let lines), .returnExceedsShipped(let lines):
            lines.map { FieldError(field: $0.description, code: code, message: message) }
        default: []
        }
    }
}
