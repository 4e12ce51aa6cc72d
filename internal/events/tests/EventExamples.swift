import SoukCloudEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

@testable import SoukEvents

/// One instance of every event, all optional fields filled.
enum EventExamples {
    static func all() throws -> [any Event] {
        let money = Money(1_999, try currency())
        let time = Timestamp(microseconds: 1_780_000_000_123_456)
        let user = UserID(), order = OrderID(), vendor = VendorID(), store = StoreID(), part = VendorOrderID()
        let payment = PaymentID(), giveBack = ReturnID()
        let line = OrderLinePayload(
            lineId: OrderLineID(), variantId: VariantID(), sku: "MUG-ASH", title: "Mug",
            attributes: ["colour": "ash"],
            quantity: 1, unitPrice: money, total: money)
        let quantity = LineQuantityPayload(lineId: line.lineId, sku: line.sku, quantity: 1)
        let address = AddressPayload(
            name: "Ada", line1: "1 Street", line2: "2nd floor", city: "London", region: "Greater London",
            postalCode: "E1 6AN", country: "GB")
        return [
            UserRegistered(userId: user, email: "ada@souk.example", name: "Ada", emailVerified: false),
            UserUpdated(
                userId: user, email: "ada@souk.example", name: "Ada", roles: ["customer"], active: true,
                version: 2, sessionIds: ["5LzrgxSRsu7y3yZvYlN4Kw"], emailVerified: true),
            UserMailRequested(requestId: MailRequestID()),
            SessionEnded(userId: user, sessionIds: ["5LzrgxSRsu7y3yZvYlN4Kw"], reason: "logout"),
            VendorStatusChanged(
                vendorId: vendor, ownerId: user, name: "Kiln", status: "active", reason: "fine"),
            StockLow(
                storeId: store, storeName: "Kiln", vendorId: vendor, ownerId: user, sku: line.sku,
                available: 2,
                threshold: 3),
            OrderPlaced(orderId: order, number: "S-1", customerId: user, total: money, expiresAt: time),
            OrderPaid(
                orderId: order, number: "S-1", customerId: user, paymentId: payment, total: money,
                shippingAddress: address,
                parts: [
                    VendorPartPayload(
                        vendorOrderId: part, vendorId: vendor, storeId: store, lines: [line], total: money)
                ]),
            OrderCancelled(
                orderId: order, number: "S-1", customerId: user, reason: "expired", wasPaid: false),
            OrderRefundRequired(orderId: order, reason: "cancelled"),
            PaymentSucceeded(paymentId: payment, orderId: order, customerId: user, amount: money),
            PaymentFailed(paymentId: payment, orderId: order, customerId: user, reason: "declined"),
            PaymentRefunded(
                refundId: RefundID(), paymentId: payment, orderId: order, customerId: user, amount: money,
                totalRefunded: money, returnId: giveBack),
            VendorOrderCreated(
                vendorOrderId: part, orderId: order, number: "S-1", vendorId: vendor, ownerId: user,
                storeId: store,
                total: money),
            VendorOrderChanged(
                vendorOrderId: part, orderId: order, number: "S-1", customerId: user, vendorId: vendor,
                status: "shipped"),
            ShipmentCreated(
                shipmentId: ShipmentID(), vendorOrderId: part, orderId: order, number: "S-1",
                customerId: user,
                vendorId: vendor, carrier: "Post", trackingNumber: "T1", lines: [quantity]),
            ReturnRequested(
                returnId: giveBack, vendorOrderId: part, orderId: order, number: "S-1", customerId: user,
                vendorId: vendor, ownerId: user, amount: money),
            ReturnApproved(
                returnId: giveBack, vendorOrderId: part, orderId: order, number: "S-1", customerId: user,
                vendorId: vendor, amount: money, lines: [quantity], restocked: true),
            ReturnRejected(
                returnId: giveBack, orderId: order, number: "S-1", customerId: user, reason: "used"),
        ]
    }

    private struct NoCurrency: Error {}

    private static func currency() throws -> Currency {
        guard let currency = Currency("GBP") else { throw NoCurrency() }
        return currency
    }
}
