import SoukDatabase
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTime

/// An account with what stands on it, in one currency.
struct AccountBalance: Sendable, Hashable {
    let account: String
    let kind: LedgerAccount.Kind
    /// As people read it: what a provider holds, what a vendor is owed, what we earned.
    let balance: Money
}

/// One movement on a vendor's account; amounts are positive in the vendor's favour.
struct VendorEntry: Sendable, Hashable {
    let transactionID: LedgerTransactionID
    let kind: LedgerPosting.Kind
    let reference: String
    let paymentID: PaymentID?
    let orderID: OrderID?
    let amount: Money
    /// What the marketplace kept of it; negative where it gave commission back.
    let commission: Money
    let occurredAt: Timestamp
}

/// A posted transaction with all its entries.
struct LedgerRecord: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        let account: String
        let amount: Money
    }

    let id: LedgerTransactionID
    let kind: LedgerPosting.Kind
    let reference: String
    let paymentID: PaymentID?
    let orderID: OrderID?
    let occurredAt: Timestamp
    let entries: [Entry]
}

/// Reads the books.
struct LedgerReader: Sendable {
    let database: any Database

    /// What a vendor is owed, one amount per currency in which it ever sold; negative when it owes us.
    func balances(of vendor: VendorID) async throws -> [Money] {
        let account = LedgerAccount.vendor(vendor)
        return try await database.query(
            "SELECT currency, balance FROM ledger_balances WHERE account = \(account.name) ORDER BY currency"
        ).map { try account.kind.natural($0.money("balance")) }
    }

    /// Movements on a vendor's account, newest first.
    func entries(of vendor: VendorID, _ page: PageRequest) async throws -> Page<VendorEntry> {
        let account = LedgerAccount.vendor(vendor)
        return try await database.snapshot { reader in
            let total = try await reader.scalar(
                "SELECT count(*) FROM ledger_entries WHERE account = \(account.name)", as: Int.self)
            let rows = try await reader.query(
                """
                SELECT t.id, t.kind, t.reference, t.payment_id, t.order_id, t.occurred_at, e.amount, e.currency,
                    CASE t.kind WHEN 'capture' THEN coalesce(s.commission, 0)
                        ELSE -coalesce(p.commission_reversed, 0) END AS commission
                FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
                LEFT JOIN payment_shares s
                    ON t.kind = 'capture' AND s.payment_id = t.reference AND s.vendor_id = \(vendor)
                LEFT JOIN refund_parts p
                    ON t.kind = 'refund' AND p.refund_id = t.reference AND p.vendor_id = \(vendor)
                WHERE e.account = \(account.name)
                ORDER BY e.transaction_id DESC, e.position LIMIT \(page.size) OFFSET \(page.offset)
                """)
            let items = try rows.map { row in
                VendorEntry(
                    transactionID: try row.get("id"), kind: try row.choice("kind"),
                    reference: try row.get("reference"), paymentID: try row.get("payment_id"),
                    orderID: try row.get("order_id"), amount: try account.kind.natural(row.money("amount")),
                    commission: try row.money("commission"), occurredAt: try row.get("occurred_at"))
            }
            return Page(items: items, request: page, totalCount: total ?? 0)
        }
    }

    /// Every account and currency with its balance, by name.
    func accounts(_ page: PageRequest) async throws -> Page<AccountBalance> {
        try await database.snapshot { reader in
            let total = try await reader.scalar("SELECT count(*) FROM ledger_balances", as: Int.self)
            let rows = try await reader.query(
                """
                SELECT b.account, a.kind, b.balance, b.currency
                FROM ledger_balances b JOIN ledger_accounts a ON a.name = b.account
                ORDER BY b.account, b.currency LIMIT \(page.size) OFFSET \(page.offset)
                """)
            let items = try rows.map { row in
                let kind = try row.choice("kind", as: LedgerAccount.Kind.self)
                return AccountBalance(
                    account: try row.get("account"), kind: kind,
                    balance: try kind.natural(row.money("balance")))
            }
            return Page(items: items, request: page, totalCount: total ?? 0)
        }
    }

    /// Posted transactions, newest first.
    ///
    /// - Parameter reference: a payment's or refund's id; nil for all.
    func transactions(reference: String?, _ page: PageRequest) async throws -> Page<LedgerRecord> {
        try await database.snapshot { reader in
            let filter: SQL = if let reference { "WHERE reference = \(reference)" } else { "" }
            let total = try await reader.scalar(
                "SELECT count(*) FROM ledger_transactions \(sql: filter)", as: Int.self)
            let rows = try await reader.query(
                """
                SELECT id, kind, reference, payment_id, order_id, occurred_at FROM ledger_transactions \(sql: filter)
                ORDER BY id DESC LIMIT \(page.size) OFFSET \(page.offset)
                """)
            let entries = try await reader.query(
                """
                SELECT transaction_id, account, amount, currency FROM ledger_entries
                WHERE transaction_id IN (\(list: try rows.map { try $0.get("id", as: String.self) }))
                ORDER BY transaction_id, position
                """)
            let byTransaction = try Dictionary(grouping: entries) {
                try $0.get("transaction_id", as: LedgerTransactionID.self)
            }
            let items = try rows.map { row in
                let id = try row.get("id", as: LedgerTransactionID.self)
                return LedgerRecord(
                    id: id, kind: try row.choice("kind"), reference: try row.get("reference"),
                    paymentID: try row.get("payment_id"), orderID: try row.get("order_id"),
                    occurredAt: try row.get("occurred_at"),
                    entries: try (byTransaction[id] ?? []).map {
                        .init(account: try $0.get("account"), amount: try $0.money("amount"))
                    })
            }
            return Page(items: items, request: page, totalCount: total ?? 0)
        }
    }
}
