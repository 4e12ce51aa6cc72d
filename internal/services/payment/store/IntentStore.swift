import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukPaymentKernel
import SoukTime

/// Reads and writes intents and their shares; stateless, within whatever transaction the caller runs.
struct IntentStore: Sendable {
    private static let columns: SQL = """
        id, order_id, customer_id, amount, currency, captured, refunded, refund_reserved, state, failure_reason, \
        provider, reference, pay_url, refunds_on_capture, checks, expires_at, created_at, captured_at
        """

    // MARK: Reading

    /// - Parameter locked: whether other writers of the intent wait until the transaction ends: so do all that change it.
    func find(
        _ id: PaymentID, locked: Bool = false, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> Intent? {
        try await one("WHERE id = \(id)", locked, in: reader)
    }

    func find(
        order: OrderID, locked: Bool = false, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> Intent? {
        try await one("WHERE order_id = \(order)", locked, in: reader)
    }

    func find(
        reference: String, provider: String, locked: Bool = false, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> Intent? {
        try await one("WHERE provider = \(provider) AND reference = \(reference)", locked, in: reader)
    }

    func find(orders: [OrderID], in reader: any SQLExecutor) async throws(DatabaseError) -> [Intent] {
        try await many("WHERE order_id IN (\(list: orders))", in: reader)
    }

    /// Captured at `since` or later, oldest first.
    func captured(
        since: Timestamp, limit: Int, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> [Intent] {
        try await many(
            "WHERE captured_at >= \(since) ORDER BY captured_at, id LIMIT \(limit)", in: reader)
    }

    /// Pending or authorized, and due for a look; the longest waiting first.
    func due(at now: Timestamp, limit: Int, in reader: any SQLExecutor) async throws(DatabaseError)
        -> [Intent]
    {
        try await many(
            """
            WHERE state IN ('pending', 'authorized') AND next_check_at <= \(now)
            ORDER BY next_check_at LIMIT \(limit)
            """, in: reader)
    }

    /// Newest first.
    func list(
        state: PaymentIntent.State?, order: OrderID?, _ page: PageRequest, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> Page<Intent> {
        var terms: [SQL] = ["1 = 1"]
        if let state { terms.append("state = \(state.rawValue)") }
        if let order { terms.append("order_id = \(order)") }
        let filter: SQL = "WHERE \(sql: terms.joined(separator: " AND "))"
        let total = try await reader.scalar(
            "SELECT count(*) FROM payment_intents \(sql: filter)", as: Int.self)
        let items = try await many(
            "\(sql: filter) ORDER BY id DESC LIMIT \(page.size) OFFSET \(page.offset)", in: reader)
        return Page(items: items, request: page, totalCount: total ?? 0)
    }

    /// In the order of the vendors' ids.
    func shares(
        of payment: PaymentID, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> [IntentShare] {
        let rows = try await reader.query(
            """
            SELECT s.vendor_id, s.gross, s.commission, s.basis_points, s.refunded, s.refund_reserved,
                s.commission_reversed, i.currency
            FROM payment_shares s JOIN payment_intents i ON i.id = s.payment_id
            WHERE s.payment_id = \(payment) ORDER BY s.vendor_id
            """)
        var shares: [IntentShare] = []
        for row in rows {
            shares.append(
                IntentShare(
                    vendorID: try row.get("vendor_id"), gross: try row.money("gross"),
                    commission: try row.money("commission"), basisPoints: try row.get("basis_points"),
                    refunded: try row.money("refunded"), refundReserved: try row.money("refund_reserved"),
                    commissionReversed: try row.money("commission_reversed")))
        }
        return shares
    }

    func isTombstoned(_ order: OrderID, in reader: any SQLExecutor) async throws(DatabaseError) -> Bool {
        try await reader.first("SELECT 1 FROM payment_tombstones WHERE order_id = \(order)") != nil
    }

    // MARK: Writing

    /// Lets those who might give an order its intent, or its tombstone, take turns; before any row.
    func lock(_ order: OrderID, in tx: any Transaction) async throws(DatabaseError) {
        try await tx.lock("order:\(order)")
    }

    func insert(
        _ request: IntentRequest, id: PaymentID, provider: String, nextCheckAt: Timestamp, now: Timestamp,
        in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            INSERT INTO payment_intents (id, order_id, customer_id, amount, currency, state, provider,
                next_check_at, expires_at, created_at, updated_at)
            VALUES (\(id), \(request.orderID), \(request.customerID), \(request.amount.amount),
                \(request.amount.currency.code), 'pending', \(provider), \(nextCheckAt), \(request.expiresAt),
                \(now), \(now))
            """)
        for share in request.shares {
            try await tx.execute(
                """
                INSERT INTO payment_shares (payment_id, vendor_id, gross)
                VALUES (\(id), \(share.vendorID), \(share.gross.amount))
                """)
        }
    }

    func insertTombstone(_ order: OrderID, now: Timestamp, in tx: any Transaction) async throws(DatabaseError)
    {
        try await tx.execute(
            """
            INSERT INTO payment_tombstones (order_id, created_at) VALUES (\(order), \(now))
            ON CONFLICT (order_id) DO NOTHING
            """)
    }

    /// Notes the provider's charge and its page.
    func setCharge(
        _ charge: ProviderCharge, of id: PaymentID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_intents
            SET reference = \(charge.reference), pay_url = \(charge.payURL), updated_at = \(now),
                version = version + 1
            WHERE id = \(id) AND (reference IS NULL OR reference = \(charge.reference)) AND pay_url IS NULL
            """)
    }

    /// Notes the provider's charge when only a webhook has told of it.
    func setReference(
        _ reference: String, of id: PaymentID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_intents SET reference = \(reference), updated_at = \(now), version = version + 1
            WHERE id = \(id) AND reference IS NULL
            """)
    }

    /// Moves an intent on if it is still in `state`; false when it isn't.
    func move(
        _ intent: Intent, to state: PaymentIntent.State, reason: String?, now: Timestamp,
        in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        let isCaptured = state == .captured
        return try await tx.execute(
            """
            UPDATE payment_intents
            SET state = \(state.rawValue), failure_reason = \(reason),
                captured = \(isCaptured ? intent.amount.amount : 0), captured_at = \(isCaptured ? now : nil),
                updated_at = \(now), version = version + 1
            WHERE id = \(intent.id) AND state = \(intent.state.rawValue)
            """) == 1
    }

    func setRefundsOnCapture(_ id: PaymentID, now: Timestamp, in tx: any Transaction)
        async throws(DatabaseError)
    {
        try await tx.execute(
            """
            UPDATE payment_intents SET refunds_on_capture = 1, updated_at = \(now), version = version + 1
            WHERE id = \(id)
            """)
    }

    func setNextCheck(_ id: PaymentID, at time: Timestamp, in tx: any SQLExecutor) async throws(DatabaseError)
    {
        try await tx.execute(
            "UPDATE payment_intents SET next_check_at = \(time), checks = checks + 1 WHERE id = \(id)")
    }

    func freezeCommission(
        _ commission: Money, basisPoints: Int64, of payment: PaymentID, vendor: VendorID,
        in tx: any Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            UPDATE payment_shares SET commission = \(commission.amount), basis_points = \(basisPoints)
            WHERE payment_id = \(payment) AND vendor_id = \(vendor)
            """)
    }

    // MARK: Rows

    private func one(
        _ filter: SQL, _ locked: Bool, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> Intent? {
        let lock = locked ? reader.forUpdate : ""
        return try await many("\(sql: filter)\(sql: lock)", in: reader).first
    }

    private func many(_ filter: SQL, in reader: any SQLExecutor) async throws(DatabaseError) -> [Intent] {
        let rows = try await reader.query("SELECT \(sql: Self.columns) FROM payment_intents \(sql: filter)")
        var intents: [Intent] = []
        for row in rows { intents.append(try Intent(row)) }
        return intents
    }
}

extension Intent {
    fileprivate init(_ row: Row) throws(DatabaseError) {
        self.init(
            id: try row.get("id"), orderID: try row.get("order_id"), customerID: try row.get("customer_id"),
            amount: try row.money("amount"), captured: try row.money("captured"),
            refunded: try row.money("refunded"), refundReserved: try row.money("refund_reserved"),
            state: try row.choice("state"), failureReason: try row.get("failure_reason"),
            provider: try row.get("provider"), reference: try row.get("reference"),
            payURL: try row.get("pay_url"), refundsOnCapture: try row.get("refunds_on_capture"),
            checks: try row.get("checks"), expiresAt: try row.get("expires_at"),
            createdAt: try row.get("created_at"), capturedAt: try row.get("captured_at"))
    }
}
