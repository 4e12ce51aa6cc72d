import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Shipments in the database.
enum ShipmentTable {
    static func insert(_ shipment: Shipment, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO shipments
                (id, vendor_order_id, carrier, tracking_number, status, created_at, delivered_at)
            VALUES (\(shipment.id), \(shipment.vendorOrderID), \(shipment.carrier), \(shipment.trackingNumber),
                \(shipment.status.rawValue), \(shipment.createdAt), \(shipment.deliveredAt))
            """)
        for line in shipment.lines {
            try await tx.execute(
                """
                INSERT INTO shipment_lines (shipment_id, line_id, quantity)
                VALUES (\(shipment.id), \(line.lineID), \(line.quantity))
                """)
        }
    }

    static func setDelivered(_ id: ShipmentID, at now: Timestamp, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            UPDATE shipments SET status = \(ShipmentStatus.delivered.rawValue), delivered_at = \(now)
            WHERE id = \(id)
            """)
    }

    /// The shipments of these vendor orders, oldest first.
    static func list(of orders: [VendorOrderID], _ db: any SQLExecutor) async throws -> [Shipment] {
        let rows = try await db.query(
            """
            SELECT id, vendor_order_id, carrier, tracking_number, status, created_at, delivered_at
            FROM shipments WHERE vendor_order_id IN (\(list: orders)) ORDER BY id
            """)
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { try $0.get("id", as: ShipmentID.self) }
        var lines: [ShipmentID: [LineQuantity]] = [:]
        for row in try await db.query(
            """
            SELECT shipment_id, line_id, quantity FROM shipment_lines
            WHERE shipment_id IN (\(list: ids)) ORDER BY shipment_id, line_id
            """)
        {
            lines[try row.get("shipment_id"), default: []].append(
                LineQuantity(lineID: try row.get("line_id"), quantity: try row.get("quantity")))
        }
        return try rows.map { row in
            let id = try row.get("id", as: ShipmentID.self)
            return Shipment(
                id: id, vendorOrderID: try row.get("vendor_order_id"), carrier: try row.get("carrier"),
                trackingNumber: try row.get("tracking_number"), status: try row.choice("status"),
                lines: lines[id] ?? [], createdAt: try row.get("created_at"),
                deliveredAt: try row.get("delivered_at"))
        }
    }
}
