import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

enum LedgerTransactionTag {}
typealias LedgerTransactionID = ID<LedgerTransactionTag>

/// A place where money stands.
enum LedgerAccount: Hashable, Sendable {
    /// What a provider holds for us: an asset.
    case provider(String)
    /// What we owe a vendor: a liability.
    case vendor(VendorID)
    /// What we earned: revenue.
    case commission

    enum Kind: String, Sendable, CaseIterable {
        case asset, liability, revenue

        /// A balance as people read it: assets grow by debits, the others by credits.
        func natural(_ signed: Money) throws(MoneyError) -> Money {
            self == .asset ? signed : try signed.negated()
        }
    }

    var name: String {
        switch self {
        case .provider(let provider): "provider:\(provider)"
        case .vendor(let vendor): "vendor:\(vendor)"
        case .commission: "platform:commission"
        }
    }

    var kind: Kind {
        switch self {
        case .provider: .asset
        case .vendor: .liability
        case .commission: .revenue
        }
    }
}

/// One double-entry transaction before it is in the books.
struct LedgerPosting: Sendable {
    enum Kind: String, Sendable, CaseIterable { case capture, refund }

    struct Entry: Sendable, Hashable {
        let account: LedgerAccount
        /// Debits positive, credits negative.
        let amount: Money
    }

    let kind: Kind
    /// With `kind` the transaction's idempotency key: the payment of a capture, the refund of a refund.
    let reference: String
    let paymentID: PaymentID
    let orderID: OrderID
    /// They sum to zero per currency; entries of zero are left out of the books.
    let entries: [Entry]
}

/// Writes the books.
struct Ledger: Sendable {
    let clock: any WallClock

    /// Posts a transaction within the caller's database transaction.
    ///
    /// - Throws: `DatabaseError.raised` when it doesn't balance or a transaction of this kind and reference exists.
    func post(_ posting: LedgerPosting, in tx: any Transaction) async throws(DatabaseError) {
        let id = LedgerTransactionID()
        try await tx.execute(
            """
            INSERT INTO ledger_transactions (id, kind, reference, payment_id, order_id, occurred_at)
            VALUES (\(id), \(posting.kind.rawValue), \(posting.reference), \(posting.paymentID),
                \(posting.orderID), \(clock.now()))
            """)
        for (position, entry) in posting.entries.filter({ !$0.amount.isZero }).enumerated() {
            try await tx.execute(
                """
                INSERT INTO ledger_accounts (name, kind) VALUES (\(entry.account.name), \(entry.account.kind.rawValue))
                ON CONFLICT (name) DO NOTHING
                """)
            try await tx.execute(
                """
                INSERT INTO ledger_entries (transaction_id, position, account, currency, amount)
                VALUES (\(id), \(position), \(entry.account.name), \(entry.amount.currency.code), \(entry.amount.amount))
                """)
        }
        try await tx.execute("UPDATE ledger_transactions SET posted = 1 WHERE id = \(id)")
    }
}
