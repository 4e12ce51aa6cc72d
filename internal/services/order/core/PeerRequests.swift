import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukVendorKernel

extension ReservationRequest {
    /// The stock of an order: lines of one SKU in one store are one line here.
    init(_ order: Order, lines: [OrderLine], parts: [OrderPart], holdFor: Duration, holdLargeFor: Duration) {
        struct Key: Hashable {
            let part: VendorOrderID
            let sku: String
        }
        let stores = Dictionary(
            parts.map { ($0.vendorOrderID, $0.storeID) }, uniquingKeysWith: { first, _ in first })
        var quantities: [Key: Int] = [:]
        var keys: [Key] = []
        for line in lines {
            let key = Key(part: line.vendorOrderID, sku: line.sku)
            if quantities[key] == nil { keys.append(key) }
            quantities[key, default: 0] += line.quantity
        }
        self.init(
            orderID: order.id, holder: order.customerID.description,
            lines: keys.compactMap { key in
                guard let store = stores[key.part], let quantity = quantities[key] else { return nil }
                return Line(storeID: store, sku: key.sku, quantity: quantity)
            },
            holdFor: holdFor, holdLargeFor: holdLargeFor)
    }
}

extension IntentRequest {
    /// The payment of an order: one share per vendor, whatever the number of its stores.
    ///
    /// - Throws: `MoneyError.overflow`.
    init(_ order: Order, parts: [OrderPart]) throws(MoneyError) {
        var gross: [VendorID: Money] = [:]
        var vendors: [VendorID] = []
        for part in parts {
            if gross[part.vendorID] == nil { vendors.append(part.vendorID) }
            gross[part.vendorID] = try (gross[part.vendorID] ?? .zero(order.total.currency)).adding(
                part.total)
        }
        self.init(
            orderID: order.id, customerID: order.customerID, amount: order.total,
            shares: vendors.compactMap { vendor in gross[vendor].map { Share(vendorID: vendor, gross: $0) } },
            expiresAt: order.expiresAt)
    }
}

extension CheckoutRefusal {
    /// The vendor service's refusal, with the lines it is about.
    init(_ error: VendorKernelError, lines: [OrderLine], parts: [OrderPart]) {
        guard case .storeClosed(let store) = error else {
            self.init(error)
            return
        }
        let closed = Set(parts.filter { $0.storeID == store }.map(\.vendorOrderID))
        self.init(
            error,
            fieldErrors: lines.filter { closed.contains($0.vendorOrderID) }.map {
                FieldError(field: $0.sku, code: error.code, message: "The store that sells it is closed.")
            })
    }
}
