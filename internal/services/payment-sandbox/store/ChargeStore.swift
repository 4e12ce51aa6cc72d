import SoukDatabase
import SoukErrors
import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukTime

/// Reads and writes charges and their refunds.
struct ChargeStore: Sendable {
    // MARK: Reading, for a change: other writers of the charges wait until the transaction ends

    func find(reference: String, in tx: any Transaction) async throws(DatabaseError) -> Charge? {
        try await many("WHERE reference = \(reference)\(sql: tx.forUpdate)", in: tx).first
    }

    /// Also those who want to open a charge for the same payment wait.
    func find(payment: PaymentID, in tx: any Transaction) async throws(DatabaseError) -> Charge? {
        try await tx.lock("payment:\(payment)")
        return try await many("WHERE payment_id = \(payment)", in: tx).first
    }

    func find(token: String, in tx: any Transaction) async throws(DatabaseError) -> Charge? {
        try await many("WHERE token = \(token)\(sql: tx.forUpdate)", in: tx).first
    }

    /// Pending charges that can't be paid any more and that nobody is changing.
    func overdue(at now: Timestamp, limit: Int, in tx: any Transaction) async throws(DatabaseError)
        -> [Charge]
    {
        try await many(
            """
            WHERE status = 'pending' AND expires_at <= \(now)
            ORDER BY expires_at LIMIT \(limit)\(sql: tx.forUpdateSkippingLocked)
            """, in: tx)
    }

    /// The charge and amount, in minor units, of a refund that was made.
    func refund(
        _ id: RefundID, in reader: any SQLExecutor
    ) async throws(DatabaseError) -> (reference: String, amount: Int64)? {
        guard
            let row = try await reader.first(
                "SELECT reference, amount FROM charge_refunds WHERE refund_id = \(id)")
        else { return nil }
        return (try row.get("reference"), try row.get("amount"))
    }

    // MARK: Writing

    func insert(_ charge: Charge, now: Timestamp, in tx: any Transaction) async throws(DatabaseError) {
        try await tx.execute(
            """
            INSERT INTO charges (reference, payment_id, order_id, token, form_nonce, amount, currency, capture_mode,
                status, return_url, expires_at, created_at, updated_at)
            VALUES (\(charge.reference), \(charge.paymentID), \(charge.orderID), \(charge.token),
                \(charge.formNonce), \(charge.amount.amount), \(charge.amount.currency.code),
                \(charge.capture.rawValue), \(charge.status.rawValue), \(charge.returnURL), \(charge.expiresAt),
                \(now), \(now))
            """)
    }

    func move(
        _ charge: Charge, to status: ProviderChargeState.Status, reason: String?, now: Timestamp,
        in tx: any Transaction
    ) async throws {
        let captured = status == .captured ? charge.amount.amount : 0
        let count = try await tx.execute(
            """
            UPDATE charges
            SET status = \(status.rawValue), failure_reason = \(reason), captured = \(captured), updated_at = \(now)
            WHERE reference = \(charge.reference) AND status = \(charge.status.rawValue)
            """)
        guard count == 1 else {
            throw ServiceError(
                .unavailable, code: "charge.changed", message: "The charge changed meanwhile; try again.",
                detail: charge.reference)
        }
    }

    /// False when less than the amount is left of the charge.
    func addRefund(
        _ amount: Money, to charge: Charge, id: RefundID, now: Timestamp, in tx: any Transaction
    ) async throws(DatabaseError) -> Bool {
        let count = try await tx.execute(
            """
            UPDATE charges SET refunded = refunded + \(amount.amount), updated_at = \(now)
            WHERE reference = \(charge.reference) AND refunded + \(amount.amount) <= captured
            """)
        guard count == 1 else { return false }
        try await tx.execute(
            """
            INSERT INTO charge_refunds (refund_id, reference, amount, created_at)
            VALUES (\(id), \(charge.reference), \(amount.amount), \(now))
            """)
        return true
    }

    // MARK: Rows

    private func many(_ filter: SQL, in reader: any SQLExecutor) async throws(DatabaseError) -> [Charge] {
        let rows = try await reader.query(
            """
            SELECT reference, payment_id, order_id, token, form_nonce, amount, currency, capture_mode, status,
                failure_reason, captured, refunded, return_url, expires_at
            FROM charges \(sql: filter)
            """)
        var charges: [Charge] = []
        for row in rows { charges.append(try Charge(row)) }
        return charges
    }
}

extension Charge {
    fileprivate init(_ row: Row) throws(DatabaseError) {
        guard let currency = Currency(try row.get("currency", as: String.self)),
            let status = ProviderChargeState.Status(rawValue: try row.get("status")),
            let capture = CaptureMode(rawValue: try row.get("capture_mode"))
        else {
            throw DatabaseError(
                .decoding, detail: "a charge with an unknown currency, status or capture mode")
        }
        self.init(
            reference: try row.get("reference"), paymentID: try row.get("payment_id"),
            orderID: try row.get("order_id"), token: try row.get("token"),
            formNonce: try row.get("form_nonce"),
            amount: Money(try row.get("amount"), currency), status: status,
            failureReason: try row.get("failure_reason"), captured: Money(try row.get("captured"), currency),
            refunded: Money(try row.get("refunded"), currency), capture: capture,
            returnURL: try row.get("return_url"), expiresAt: try row.get("expires_at"))
    }
}
