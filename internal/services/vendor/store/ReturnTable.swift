import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTime

/// Returns in the database; whose they are is read from their vendor order.
enum ReturnTable {
    private static let columns: SQL =
        """
        returns.id AS id, returns.vendor_order_id AS vendor_order_id, returns.status AS status,
        returns.reason AS reason, returns.rejection_reason AS rejection_reason, returns.restocked AS restocked,
        returns.amount AS amount, returns.created_at AS created_at, returns.decided_at AS decided_at,
        vendor_orders.order_id AS order_id, vendor_orders.number AS number,
        vendor_orders.customer_id AS customer_id, vendor_orders.vendor_id AS vendor_id,
        vendor_orders.store_id AS store_id, vendor_orders.currency AS currency
        """
    private static let tables: SQL =
        "returns JOIN vendor_orders ON vendor_orders.id = returns.vendor_order_id"

    /// Whose returns are wanted.
    enum Side: Sendable {
        case customer(UserID)
        case vendor(VendorID)
    }

    static func insert(_ request: ReturnCase, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO returns
                (id, vendor_order_id, status, reason, rejection_reason, restocked, amount, created_at, decided_at)
            VALUES (\(request.id), \(request.vendorOrderID), \(request.status.rawValue), \(request.reason),
                \(request.rejectionReason), \(request.isRestocked), \(request.amount.amount),
                \(request.requestedAt), \(request.decidedAt))
            """)
        for line in request.lines {
            try await tx.execute(
                """
                INSERT INTO return_lines (return_id, line_id, quantity)
                VALUES (\(request.id), \(line.lineID), \(line.quantity))
                """)
        }
    }

    /// Writes the vendor's decision.
    static func decide(
        _ id: ReturnID, _ status: ReturnStatus, rejectionReason: String?, isRestocked: Bool?,
        at now: Timestamp,
        _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            UPDATE returns SET status = \(status.rawValue), rejection_reason = \(rejectionReason),
                restocked = \(isRestocked), decided_at = \(now)
            WHERE id = \(id)
            """)
    }

    static func find(_ id: ReturnID, _ db: any SQLExecutor, locking: Bool = false) async throws -> ReturnCase?
    {
        let lock = locking ? db.forUpdate(of: "returns") : ""
        let rows = try await db.query(
            "SELECT \(sql: columns) FROM \(sql: tables) WHERE returns.id = \(id)\(sql: lock)")
        return try await complete(rows, db).first
    }

    /// Newest first.
    static func page(
        _ request: PageRequest, _ side: Side, status: ReturnStatus?, _ db: any SQLExecutor
    ) async throws -> Page<ReturnCase> {
        var conditions: [SQL] = []
        switch side {
        case .customer(let user): conditions.append("vendor_orders.customer_id = \(user)")
        case .vendor(let vendor): conditions.append("vendor_orders.vendor_id = \(vendor)")
        }
        if let status { conditions.append("returns.status = \(status.rawValue)") }
        let rows = try await db.page(
            request, select: columns, from: tables, where: conditions, orderBy: "returns.id DESC"
        ) { $0 }
        return Page(items: try await complete(rows.items, db), request: request, totalCount: rows.totalCount)
    }

    private static func complete(_ rows: [Row], _ db: any SQLExecutor) async throws -> [ReturnCase] {
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { try $0.get("id", as: ReturnID.self) }
        let lines = Dictionary(
            grouping: try await db.query(
                """
                SELECT return_lines.return_id AS return_id, return_lines.line_id AS line_id,
                    return_lines.quantity AS quantity, vendor_order_lines.sku AS sku,
                    vendor_order_lines.title AS title, vendor_order_lines.unit_amount AS unit_amount
                FROM return_lines
                JOIN returns ON returns.id = return_lines.return_id
                JOIN vendor_order_lines ON vendor_order_lines.vendor_order_id = returns.vendor_order_id
                    AND vendor_order_lines.id = return_lines.line_id
                WHERE return_lines.return_id IN (\(list: ids))
                ORDER BY return_lines.return_id, vendor_order_lines.position
                """)
        ) { try? $0.get("return_id", as: ReturnID.self) }
        return try rows.map { row in
            let id = try row.get("id", as: ReturnID.self)
            let currency = try row.currency("currency")
            return ReturnCase(
                id: id, vendorOrderID: try row.get("vendor_order_id"), orderID: try row.get("order_id"),
                number: try row.get("number"), customerID: try row.get("customer_id"),
                vendorID: try row.get("vendor_id"), storeID: try row.get("store_id"),
                status: try row.choice("status"), reason: try row.get("reason"),
                rejectionReason: try row.get("rejection_reason"), isRestocked: try row.get("restocked"),
                amount: Money(try row.get("amount"), currency),
                lines: try (lines[id] ?? []).map { try line($0, currency) },
                requestedAt: try row.get("created_at"), decidedAt: try row.get("decided_at"))
        }
    }

    private static func line(_ row: Row, _ currency: Currency) throws -> ReturnLine {
        let quantity = try row.get("quantity", as: Int.self)
        let unitPrice = Money(try row.get("unit_amount"), currency)
        return ReturnLine(
            lineID: try row.get("line_id"), sku: try row.get("sku"), title: try row.get("title"),
            quantity: quantity, unitPrice: unitPrice, amount: try unitPrice.multiplied(by: Int64(quantity)))
    }
}
