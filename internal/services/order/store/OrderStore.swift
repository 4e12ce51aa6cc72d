import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// Orders in the database: written once at checkout, then moved from status to status.
struct OrderStore: Sendable {
    static let columns: SQL = """
        id, number, customer_id, status, currency, total_amount, refunded_amount, line_count, reference, address,
        cancel_reason, was_paid, payment_id, payment_state, pay_url, failure, expires_at, created_at, placed_at, paid_at
        """

    /// The order, locked against other writers when `locked`.
    func order(
        _ id: OrderID, locked: Bool = false, in executor: some SQLExecutor
    ) async throws(DatabaseError) -> Order? {
        let row = try await executor.first(
            """
            SELECT \(sql: Self.columns) FROM orders WHERE id = \(id)\(sql: locked ? executor.forUpdate : "")
            """)
        return try row.map { row throws(DatabaseError) in try Order(row: row) }
    }

    /// The order that this customer's key made.
    func order(
        of customer: UserID, key: String, in executor: some SQLExecutor
    ) async throws(DatabaseError) -> Order? {
        let row = try await executor.first(
            """
            SELECT \(sql: Self.columns) FROM orders
            WHERE customer_id = \(customer) AND idempotency_key = \(key)
            """)
        return try row.map { row throws(DatabaseError) in try Order(row: row) }
    }

    /// Whether a checkout of this customer hasn't come to an end.
    func isCreating(for customer: UserID, in executor: some SQLExecutor) async throws(DatabaseError) -> Bool {
        let row = try await executor.first(
            """
            SELECT 1 FROM orders
            WHERE customer_id = \(customer) AND status = \(OrderStatus.creating.rawValue) LIMIT 1
            """)
        return row != nil
    }

    /// How many orders of this customer wait for their payment.
    func unpaidCount(of customer: UserID, in executor: some SQLExecutor) async throws(DatabaseError) -> Int {
        try await executor.scalar(
            """
            SELECT COUNT(*) FROM orders
            WHERE customer_id = \(customer) AND status = \(OrderStatus.awaitingPayment.rawValue)
            """) ?? 0
    }

    /// This customer's orders that were begun after `moment` and ended, or are ending, unpaid.
    func endedUnpaid(
        of customer: UserID, since moment: Timestamp, in executor: some SQLExecutor
    ) async throws(DatabaseError) -> UnpaidRecord {
        func ended(_ statuses: SQL) async throws(DatabaseError) -> UnpaidRecord.Orders {
            let row = try await executor.first(
                """
                SELECT COUNT(*) AS ended, MAX(updated_at) AS last FROM orders
                WHERE customer_id = \(customer) AND created_at > \(moment) AND was_paid = 0
                    AND status IN (\(sql: statuses))
                """)
            guard let row else { return UnpaidRecord.Orders(count: 0, lastEndedAt: nil) }
            return UnpaidRecord.Orders(count: try row.get("ended"), lastEndedAt: try row.get("last"))
        }
        return UnpaidRecord(
            held: try await ended("'cancelling', 'cancelled', 'expired'"),
            refused: try await ended("'failed'"))
    }

    /// Deletes at most `limit` orders that ended without any payment; how many.
    func purgeUnpaid(
        createdBefore moment: Timestamp, limit: Int, in tx: some Transaction
    ) async throws(DatabaseError) -> Int {
        let ids: [OrderID] = try await tx.query(
            """
            SELECT id FROM orders
            WHERE status IN ('cancelled', 'expired', 'failed') AND created_at < \(moment) AND was_paid = 0
                AND paid_at IS NULL AND refunded_amount = 0
                AND (payment_state IS NULL OR payment_state <> 'captured')
                AND NOT EXISTS (SELECT 1 FROM refund_requests WHERE order_id = orders.id)
            LIMIT \(limit)
            """
        ).map { row throws(DatabaseError) in try row.get("id") }
        guard !ids.isEmpty else { return 0 }
        for table: SQL in ["sagas", "order_lines", "order_parts"] {
            try await tx.execute("DELETE FROM \(sql: table) WHERE order_id IN (\(list: ids))")
        }
        return try await tx.execute("DELETE FROM orders WHERE id IN (\(list: ids))")
    }

    /// Writes a new order with its parts and lines.
    ///
    /// - Throws: `uniqueViolation` when the number is taken.
    func insert(
        _ detail: OrderDetail, key: String, in tx: some Transaction
    ) async throws {
        let order = detail.order
        let lines = try Money.sum(detail.lines.map(\.total), in: order.total.currency)
        let parts = try Money.sum(detail.parts.map(\.total), in: order.total.currency)
        try await tx.execute(
            """
            INSERT INTO orders (id, number, customer_id, idempotency_key, status, currency, lines_amount, parts_amount,
                total_amount, line_count, reference, address, expires_at, created_at, updated_at)
            VALUES (\(order.id), \(order.number), \(order.customerID), \(key), \(order.status.rawValue),
                \(order.total.currency.code), \(lines.amount), \(parts.amount), \(order.total.amount),
                \(detail.lines.count), \(order.reference), \(try StoredJSON.encode(order.address)), \(order.expiresAt),
                \(order.createdAt), \(order.createdAt))
            """)
        for (chunk, parts) in detail.parts.chunked(25).enumerated() {
            let rows = parts.enumerated().map { index, part -> SQL in
                """
                (\(part.vendorOrderID), \(order.id), \(chunk * 25 + index), \(part.vendorID), \(part.storeID), \
                \(part.storeName), \(part.status.rawValue), \(part.total.amount))
                """
            }
            try await tx.execute(
                """
                INSERT INTO order_parts (vendor_order_id, order_id, position, vendor_id, store_id, store_name, status,
                    total_amount)
                VALUES \(sql: rows.joined(separator: ", "))
                """)
        }
        for (chunk, lines) in detail.lines.chunked(50).enumerated() {
            var rows: [SQL] = []
            for (index, line) in lines.enumerated() {
                let attributes = try StoredJSON.encode(line.attributes)
                rows.append(
                    """
                    (\(line.id), \(order.id), \(chunk * 50 + index), \(line.vendorOrderID), \(line.cartItemID), \
                    \(line.variantID), \(line.productID), \(line.sku), \(line.title), \(attributes), \
                    \(line.quantity), \(line.unitPrice.amount), \(line.total.amount))
                    """)
            }
            try await tx.execute(
                """
                INSERT INTO order_lines (id, order_id, position, vendor_order_id, cart_item_id, variant_id, product_id,
                    sku, title, attributes, quantity, unit_amount, total_amount)
                VALUES \(sql: rows.joined(separator: ", "))
                """)
        }
    }

    /// Writes what changes in an order's life.
    func save(_ order: Order, at now: Timestamp, in tx: some Transaction) async throws(DatabaseError) {
        let failure: String? = try order.failure.map { value throws(DatabaseError) in
            try StoredJSON.encode(value)
        }
        try await tx.execute(
            """
            UPDATE orders SET status = \(order.status.rawValue), refunded_amount = \(order.refunded.amount),
                cancel_reason = \(order.cancelReason?.rawValue), was_paid = \(order.wasPaid),
                payment_id = \(order.payment?.id), payment_state = \(order.payment?.state),
                pay_url = \(order.payment?.payURL), failure = \(failure), placed_at = \(order.placedAt),
                paid_at = \(order.paidAt), expires_at = \(order.expiresAt), updated_at = \(now)
            WHERE id = \(order.id)
            """)
    }

    /// The frozen lines, in the cart's order.
    func lines(
        of order: Order, in executor: some SQLExecutor
    ) async throws(DatabaseError) -> [OrderLine] {
        let rows = try await executor.query(
            """
            SELECT id, vendor_order_id, cart_item_id, variant_id, product_id, sku, title, attributes, quantity,
                unit_amount, total_amount
            FROM order_lines WHERE order_id = \(order.id) ORDER BY position
            """)
        var lines: [OrderLine] = []
        lines.reserveCapacity(rows.count)
        for row in rows { lines.append(try OrderLine(row: row, currency: order.total.currency)) }
        return lines
    }

    /// The parts, one per store, in the order in which the lines name them.
    func parts(
        of order: Order, in executor: some SQLExecutor
    ) async throws(DatabaseError) -> [OrderPart] {
        let rows = try await executor.query(
            """
            SELECT vendor_order_id, vendor_id, store_id, store_name, status, total_amount
            FROM order_parts WHERE order_id = \(order.id) ORDER BY position
            """)
        var parts: [OrderPart] = []
        parts.reserveCapacity(rows.count)
        for row in rows { parts.append(try OrderPart(row: row, currency: order.total.currency)) }
        return parts
    }

    /// Remembers that all of an order's money must go back; false when that was asked before.
    func requestRefund(
        of order: OrderID, reason: String, at now: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            """
            INSERT INTO refund_requests (order_id, reason, created_at) VALUES (\(order), \(reason), \(now))
            ON CONFLICT (order_id) DO NOTHING
            """) > 0
    }
}
