import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// Reads and writes refunds, and the amounts they reserve on intents and shares.
struct RefundStore: Sendable {
    private static let columns: SQL = """
        id, payment_id, order_id, key, amount, currency, reason, return_id, state, failure, attempts, created_at, \
        completed_at
        """

    // MARK: Reading

    func find(_ id: RefundID, in reader: any SQLExecutor) async throws(DatabaseError) -> Refund? {
        try await many("WHERE id = \(id)", in: reader).first
    }

    func find(key: String, in reader: any SQLExecutor) async throws(DatabaseError) -> Refund? {
        try await many("WHERE key = \(key)", in: reader).first
    }

    /// Oldest first, at most 1,000.
    func list(of payment: PaymentID, in reader: any SQLExecutor) async throws(DatabaseError) -> [Refund] {
        try await many("WHERE payment_id = \(payment) ORDER BY id LIMIT 1000", in: reader)
    }

    /// Pending and due, the longest waiting first. A first attempt is always due: a time in the future would be that of a
    /// process whose clock was ahead.
    func due(at now: Timestamp, limit: Int, in reader: any SQLExecutor) async throws(DatabaseError)
        -> [Refund]
    {
        try await many(
            """
            WHERE state = 'pending' AND (attempts = 0 OR next_attempt_at <= \(now))
            ORDER BY next_attempt_at LIMIT \(limit)
            """, in: reader)
    }

    /// In the order of the vendors' ids.
    func parts(of refund: RefundID, in reader: any SQLExecutor) async throws(DatabaseError) -> [Refund.Part] {
        let rows = try await reader.query(
            """
            SELECT p.vendor_id, p.amount, p.commission_reversed, r.currency
            FROM refund_parts p JOIN refunds r ON r.id = p.refund_id
            WHERE p.refund_id = \(refund) ORDER BY p.vendor_id
            """)
        var parts: [Refund.Part] = []
        for row in rows {
            parts.append(
                Refund.Part(
                    vendorID: try row.get("vendor_id"), amount: try row.money("amount"),
                    commissionReversed: try row.money("commission_reversed")))
        }
        return parts
    }

    // MARK: Writing

    /// Writes a refund; false when its key is taken.
    func insert(
        _ refund: Refund, parts: [VendorID: Money], in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        let inserted = try await tx.execute(
            """
            INSERT INTO refunds (id, payment_id, order_id, key, amount, currency, reason, return_id, state, failure,
                next_attempt_at, created_at, completed_at)
            VALUES (\(refund.id), \(refund.paymentID), \(refund.orderID), \(refund.key), \(refund.amount.amount),
                \(refund.amount.currency.code), \(refund.reason), \(refund.returnID), \(refund.state.rawValue),
                \(refund.failure), \(refund.createdAt), \(refund.createdAt), \(refund.completedAt))
            ON CONFLICT (key) DO NOTHING
            """)
        guard inserted == 1 else { return false }
        for (vendor, amount) in parts.sorted(by: { $0.key < $1.key }) {
            try await tx.execute(
                """
                INSERT INTO refund_parts (refund_id, vendor_id, amount)
                VALUES (\(refund.id), \(vendor), \(amount.amount))
                """)
        }
        return true
    }

    /// Sets an amount of a captured payment aside; false when less than that is left.
    func reserve(
        _ amount: Money, of payment: PaymentID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            """
            UPDATE payment_intents
            SET refund_reserved = refund_reserved + \(amount.amount), updated_at = \(now), version = version + 1
            WHERE id = \(payment) AND state = 'captured' AND currency = \(amount.currency.code)
                AND refund_reserved + \(amount.amount) <= captured
            """) == 1
    }

    /// Sets an amount of a share aside; false when less than that is left.
    func reserve(
        _ amount: Money, of payment: PaymentID, vendor: VendorID, in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            """
            UPDATE payment_shares SET refund_reserved = refund_reserved + \(amount.amount)
            WHERE payment_id = \(payment) AND vendor_id = \(vendor)
                AND refund_reserved + \(amount.amount) <= gross
            """) == 1
    }

    /// Ends a pending refund; false when somebody else ended it first.
    func complete(
        _ refund: RefundID, as state: Refund.State, failure: String?, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            """
            UPDATE refunds
            SET state = \(state.rawValue), failure = \(failure), attempts = attempts + 1, completed_at = \(now)
            WHERE id = \(refund) AND state = 'pending'
            """) == 1
    }

    /// What was reserved has gone back.
    func settle(
        _ amount: Money, of payment: PaymentID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_intents
            SET refunded = refunded + \(amount.amount), updated_at = \(now), version = version + 1
            WHERE id = \(payment)
            """)
    }

    /// What was reserved of a share has gone back, and some commission with it.
    func settle(
        _ part: Refund.Part, refund: RefundID, of payment: PaymentID, in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_shares
            SET refunded = refunded + \(part.amount.amount),
                commission_reversed = commission_reversed + \(part.commissionReversed.amount)
            WHERE payment_id = \(payment) AND vendor_id = \(part.vendorID)
            """)
        try await tx.execute(
            """
            UPDATE refund_parts SET commission_reversed = \(part.commissionReversed.amount)
            WHERE refund_id = \(refund) AND vendor_id = \(part.vendorID)
            """)
    }

    /// What was reserved is free again.
    func release(
        _ amount: Money, parts: [Refund.Part], of payment: PaymentID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_intents
            SET refund_reserved = refund_reserved - \(amount.amount), updated_at = \(now), version = version + 1
            WHERE id = \(payment)
            """)
        for part in parts {
            try await tx.execute(
                """
                UPDATE payment_shares SET refund_reserved = refund_reserved - \(part.amount.amount)
                WHERE payment_id = \(payment) AND vendor_id = \(part.vendorID)
                """)
        }
    }

    func postpone(_ refund: RefundID, until time: Timestamp, in tx: any SQLExecutor)
        async throws(DatabaseError)
    {
        try await tx.execute(
            """
            UPDATE refunds SET attempts = attempts + 1, next_attempt_at = \(time)
            WHERE id = \(refund) AND state = 'pending'
            """)
    }

    // MARK: Rows

    private func many(_ filter: SQL, in reader: any SQLExecutor) async throws(DatabaseError) -> [Refund] {
        let rows = try await reader.query("SELECT \(sql: Self.columns) FROM refunds \(sql: filter)")
        var refunds: [Refund] = []
        for row in rows {
            refunds.append(
                Refund(
                    id: try row.get("id"), paymentID: try row.get("payment_id"),
                    orderID: try row.get("order_id"),
                    key: try row.get("key"), amount: try row.money("amount"), reason: try row.get("reason"),
                    returnID: try row.get("return_id"), state: try row.choice("state"),
                    failure: try row.get("failure"), attempts: try row.get("attempts"),
                    createdAt: try row.get("created_at"), completedAt: try row.get("completed_at")))
        }
        return refunds
    }
}
