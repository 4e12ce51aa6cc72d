import SoukDatabase
import SoukIdentifiers
import SoukMoney
import SoukTime

/// What the vendor service told of an order's parts.
struct FulfilmentStore: Sendable {
    /// Moves a part on; a status that it has left behind (an old message redriven) changes nothing.
    ///
    /// - Returns: false when the order has no such part.
    func setStatus(
        of part: VendorOrderID, in order: OrderID, to status: PartStatus, in tx: some Transaction
    ) async throws(DatabaseError) -> Bool {
        let row = try await tx.first(
            """
            SELECT status FROM order_parts
            WHERE vendor_order_id = \(part) AND order_id = \(order)\(sql: tx.forUpdate)
            """)
        guard let row else { return false }
        let current: PartStatus = try row.choice("status")
        guard status > current else { return true }
        try await tx.execute(
            "UPDATE order_parts SET status = \(status.rawValue) WHERE vendor_order_id = \(part)")
        return true
    }

    func add(_ shipment: OrderShipment, to order: OrderID, in tx: some Transaction)
        async throws(DatabaseError)
    {
        try await tx.execute(
            """
            INSERT INTO order_shipments (id, order_id, vendor_order_id, carrier, tracking_number, lines, shipped_at)
            VALUES (\(shipment.id), \(order), \(shipment.vendorOrderID), \(shipment.carrier),
                \(shipment.trackingNumber), \(try StoredJSON.encode(shipment.lines)), \(shipment.shippedAt))
            ON CONFLICT (id) DO NOTHING
            """)
    }

    /// Notes a return; a decision is not taken back by its request heard late.
    func put(_ record: OrderReturn, of order: OrderID, in tx: some Transaction) async throws(DatabaseError) {
        try await tx.execute(
            """
            INSERT INTO order_returns (id, order_id, vendor_order_id, status, amount, reason)
            VALUES (\(record.id), \(order), \(record.vendorOrderID), \(record.status.rawValue),
                \(record.amount?.amount), \(record.reason))
            ON CONFLICT (id) DO UPDATE SET
                status = CASE WHEN order_returns.status = 'requested' THEN excluded.status
                    ELSE order_returns.status END,
                vendor_order_id = COALESCE(order_returns.vendor_order_id, excluded.vendor_order_id),
                amount = COALESCE(excluded.amount, order_returns.amount),
                reason = COALESCE(excluded.reason, order_returns.reason)
            """)
    }
}
