import SoukAPI
import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTime

/// Vendor orders with their lines in the database.
enum VendorOrderTable {
    private static let columns: SQL =
        """
        id, order_id, number, customer_id, vendor_id, store_id, status, backordered, total_amount, currency, address,
        created_at, updated_at
        """

    /// Which vendor orders are wanted; nil leaves a criterion out.
    struct Filter: Sendable {
        var vendor: VendorID?
        var store: StoreID?
        var order: OrderID?
        var status: VendorOrderStatus?
    }

    static func insert(_ order: VendorOrder, _ tx: any Transaction) async throws {
        let address = String(decoding: try JSONCoding.encode(order.address), as: UTF8.self)
        try await tx.execute(
            """
            INSERT INTO vendor_orders (\(sql: columns)) VALUES (
                \(order.id), \(order.orderID), \(order.number), \(order.customerID), \(order.vendorID),
                \(order.storeID), \(order.status.rawValue), \(order.isBackordered), \(order.total.amount),
                \(order.total.currency.code), \(address), \(order.createdAt), \(order.updatedAt))
            """)
        for (position, line) in order.lines.enumerated() {
            let attributes = String(decoding: try JSONCoding.encode(line.attributes), as: UTF8.self)
            try await tx.execute(
                """
                INSERT INTO vendor_order_lines (
                    vendor_order_id, id, position, variant_id, sku, title, attributes, quantity, shipped, claimed,
                    unit_amount, total_amount)
                VALUES (\(order.id), \(line.id), \(position), \(line.variantID), \(line.sku), \(line.title),
                    \(attributes), \(line.quantity), \(line.shipped), \(line.claimed), \(line.unitPrice.amount),
                    \(line.total.amount))
                """)
        }
    }

    static func exists(of order: OrderID, _ db: any SQLExecutor) async throws -> Bool {
        try await db.first("SELECT 1 AS found FROM vendor_orders WHERE order_id = \(order) LIMIT 1") != nil
    }

    static func setStatus(
        _ order: VendorOrderID, _ status: VendorOrderStatus, isBackordered: Bool, at now: Timestamp,
        _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            UPDATE vendor_orders SET status = \(status.rawValue), backordered = \(isBackordered),
                updated_at = \(now)
            WHERE id = \(order)
            """)
    }

    static func addShipped(
        _ quantity: Int, of line: OrderLineID, in order: VendorOrderID, _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            UPDATE vendor_order_lines SET shipped = shipped + \(quantity)
            WHERE vendor_order_id = \(order) AND id = \(line)
            """)
    }

    /// Adds to what is in returns; negative when a return was rejected.
    static func addClaimed(
        _ quantity: Int, of line: OrderLineID, in order: VendorOrderID, _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            UPDATE vendor_order_lines SET claimed = claimed + \(quantity)
            WHERE vendor_order_id = \(order) AND id = \(line)
            """)
    }

    /// A vendor order; with `locking` nobody else changes it until the transaction ends.
    static func find(
        _ id: VendorOrderID, _ db: any SQLExecutor, locking: Bool = false
    ) async throws -> VendorOrder? {
        let lock = locking ? db.forUpdate : ""
        let rows = try await db.query(
            "SELECT \(sql: columns) FROM vendor_orders WHERE id = \(id)\(sql: lock)")
        return try await complete(rows, db).first
    }

    /// All parts of an order, locked.
    static func lock(of order: OrderID, _ tx: any Transaction) async throws -> [VendorOrder] {
        let rows = try await tx.query(
            """
            SELECT \(sql: columns) FROM vendor_orders WHERE order_id = \(order)
            ORDER BY store_id, id\(sql: tx.forUpdate)
            """)
        return try await complete(rows, tx)
    }

    /// Newest first.
    static func page(
        _ request: PageRequest, _ filter: Filter, _ db: any SQLExecutor
    ) async throws -> Page<VendorOrder> {
        var conditions: [SQL] = []
        if let vendor = filter.vendor { conditions.append("vendor_id = \(vendor)") }
        if let store = filter.store { conditions.append("store_id = \(store)") }
        if let order = filter.order { conditions.append("order_id = \(order)") }
        if let status = filter.status { conditions.append("status = \(status.rawValue)") }
        let rows = try await db.page(
            request, select: columns, from: "vendor_orders", where: conditions,
            orderBy: "created_at DESC, id DESC"
        ) { $0 }
        return Page(items: try await complete(rows.items, db), request: request, totalCount: rows.totalCount)
    }

    /// Adds lines and shipments to the rows of vendor orders, and keeps their order.
    private static func complete(_ rows: [Row], _ db: any SQLExecutor) async throws -> [VendorOrder] {
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { try $0.get("id", as: VendorOrderID.self) }
        let lines = Dictionary(
            grouping: try await db.query(
                """
                SELECT vendor_order_id, id, variant_id, sku, title, attributes, quantity, shipped, claimed,
                    unit_amount, total_amount
                FROM vendor_order_lines WHERE vendor_order_id IN (\(list: ids))
                ORDER BY vendor_order_id, position
                """)
        ) { try? $0.get("vendor_order_id", as: VendorOrderID.self) }
        let shipments = Dictionary(grouping: try await ShipmentTable.list(of: ids, db), by: \.vendorOrderID)
        return try rows.map { row in
            let id = try row.get("id", as: VendorOrderID.self)
            return try vendorOrder(row, id, lines: lines[id] ?? [], shipments: shipments[id] ?? [])
        }
    }

    private static func vendorOrder(
        _ row: Row, _ id: VendorOrderID, lines: [Row], shipments: [Shipment]
    ) throws -> VendorOrder {
        let currency = try row.currency("currency")
        return VendorOrder(
            id: id, orderID: try row.get("order_id"), number: try row.get("number"),
            customerID: try row.get("customer_id"), vendorID: try row.get("vendor_id"),
            storeID: try row.get("store_id"), status: try row.choice("status"),
            isBackordered: try row.get("backordered"), total: Money(try row.get("total_amount"), currency),
            address: try JSONCoding.decode(
                ShippingAddress.self, from: Array(try row.get("address", as: String.self).utf8)),
            lines: try lines.map { try line($0, currency) }, shipments: shipments,
            createdAt: try row.get("created_at"), updatedAt: try row.get("updated_at"))
    }

    private static func line(_ row: Row, _ currency: Currency) throws -> VendorOrderLine {
        VendorOrderLine(
            id: try row.get("id"), variantID: try row.get("variant_id"), sku: try row.get("sku"),
            title: try row.get("title"),
            attributes: try JSONCoding.decode(
                [String: String].self, from: Array(try row.get("attributes", as: String.self).utf8)),
            quantity: try row.get("quantity"), shipped: try row.get("shipped"),
            claimed: try row.get("claimed"),
            unitPrice: Money(try row.get("unit_amount"), currency),
            total: Money(try row.get("total_amount"), currency))
    }
}

extension Row {
    func currency(_ column: String) throws -> Currency {
        let code = try get(column, as: String.self)
        guard let currency = Currency(code) else {
            throw DatabaseError(.decoding, detail: "column \(column): unknown currency \(code)")
        }
        return currency
    }
}
