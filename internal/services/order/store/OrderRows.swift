import SoukDatabase
import SoukIdentifiers
import SoukMoney

extension Row {
    func currency(_ column: String = "currency") throws(DatabaseError) -> Currency {
        let code: String = try get(column)
        guard let currency = Currency(code) else {
            throw DatabaseError(.decoding, detail: "column \(column): unknown currency \(code)")
        }
        return currency
    }
}

extension Order {
    init(row: Row) throws(DatabaseError) {
        let currency = try row.currency()
        id = try row.get("id")
        number = try row.get("number")
        customerID = try row.get("customer_id")
        status = try row.choice("status")
        total = Money(try row.get("total_amount"), currency)
        refunded = Money(try row.get("refunded_amount"), currency)
        lineCount = try row.get("line_count")
        reference = try row.get("reference")
        address = try StoredJSON.decode(try row.get("address"))
        cancelReason = try row.optionalChoice("cancel_reason")
        wasPaid = try row.get("was_paid")
        if let paymentID: PaymentID = try row.get("payment_id") {
            payment = OrderPayment(
                id: paymentID, state: try row.get("payment_state"), payURL: try row.get("pay_url"))
        }
        if let text: String = try row.get("failure") {
            failure = try StoredJSON.decode(text)
        }
        expiresAt = try row.get("expires_at")
        createdAt = try row.get("created_at")
        placedAt = try row.get("placed_at")
        paidAt = try row.get("paid_at")
    }
}

extension OrderLine {
    init(row: Row, currency: Currency) throws(DatabaseError) {
        id = try row.get("id")
        vendorOrderID = try row.get("vendor_order_id")
        cartItemID = try row.get("cart_item_id")
        variantID = try row.get("variant_id")
        productID = try row.get("product_id")
        sku = try row.get("sku")
        title = try row.get("title")
        attributes = try StoredJSON.decode(try row.get("attributes"))
        quantity = try row.get("quantity")
        unitPrice = Money(try row.get("unit_amount"), currency)
        total = Money(try row.get("total_amount"), currency)
    }
}

extension OrderPart {
    init(row: Row, currency: Currency) throws(DatabaseError) {
        vendorOrderID = try row.get("vendor_order_id")
        vendorID = try row.get("vendor_id")
        storeID = try row.get("store_id")
        storeName = try row.get("store_name")
        status = try row.choice("status")
        total = Money(try row.get("total_amount"), currency)
    }
}

extension OrderShipment {
    init(row: Row) throws(DatabaseError) {
        id = try row.get("id")
        vendorOrderID = try row.get("vendor_order_id")
        carrier = try row.get("carrier")
        trackingNumber = try row.get("tracking_number")
        lines = try StoredJSON.decode(try row.get("lines"))
        shippedAt = try row.get("shipped_at")
    }
}

extension OrderReturn {
    init(row: Row, currency: Currency) throws(DatabaseError) {
        id = try row.get("id")
        vendorOrderID = try row.get("vendor_order_id")
        status = try row.choice("status")
        let minorUnits: Int64? = try row.get("amount")
        amount = minorUnits.map { Money($0, currency) }
        reason = try row.get("reason")
    }
}
