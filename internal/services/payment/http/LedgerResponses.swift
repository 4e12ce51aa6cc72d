import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// What a vendor is owed; negative when it owes the marketplace.
struct VendorBalanceResponse: Encodable, Sendable {
    let vendorId: VendorID
    /// One per currency.
    let balances: [Money]
}

/// A movement on a vendor's account; positive in the vendor's favour.
struct VendorEntryResponse: Encodable, Sendable {
    let transactionId: LedgerTransactionID
    /// `capture` or `refund`.
    let kind: String
    let reference: String
    let paymentId: PaymentID?
    let orderId: OrderID?
    /// `gross` less `commission`.
    let amount: Money
    /// What was sold; negative where it was refunded.
    let gross: Money
    /// What the marketplace kept of it; negative where it gave some back.
    let commission: Money
    let occurredAt: Timestamp

    init(_ entry: VendorEntry) throws {
        transactionId = entry.transactionID
        kind = entry.kind.rawValue
        reference = entry.reference
        paymentId = entry.paymentID
        orderId = entry.orderID
        amount = entry.amount
        gross = try entry.amount.adding(entry.commission)
        commission = entry.commission
        occurredAt = entry.occurredAt
    }
}

struct AccountResponse: Encodable, Sendable {
    let account: String
    /// `asset`, `liability` or `revenue`.
    let kind: String
    /// What a provider holds, what a vendor is owed, what the marketplace earned.
    let balance: Money

    init(_ balance: AccountBalance) {
        account = balance.account
        kind = balance.kind.rawValue
        self.balance = balance.balance
    }
}

struct LedgerTransactionResponse: Encodable, Sendable {
    struct Entry: Encodable, Sendable {
        let account: String
        /// Debits positive, credits negative.
        let amount: Money
    }

    let id: LedgerTransactionID
    let kind: String
    let reference: String
    let paymentId: PaymentID?
    let orderId: OrderID?
    let occurredAt: Timestamp
    let entries: [Entry]

    init(_ record: LedgerRecord) {
        id = record.id
        kind = record.kind.rawValue
        reference = record.reference
        paymentId = record.paymentID
        orderId = record.orderID
        occurredAt = record.occurredAt
        entries = record.entries.map { Entry(account: $0.account, amount: $0.amount) }
    }
}

struct LedgerVerificationResponse: Encodable, Sendable {
    struct Difference: Encodable, Sendable {
        let check: String
        let subject: String
        let currency: String
        let expected: Int64
        let actual: Int64
    }

    let balanced: Bool
    let transactions: Int
    let entries: Int
    let differences: [Difference]

    init(_ verification: LedgerVerification) {
        balanced = verification.isBalanced
        transactions = verification.transactions
        entries = verification.entries
        differences = verification.differences.map {
            Difference(
                check: $0.check, subject: $0.subject, currency: $0.currency, expected: $0.expected,
                actual: $0.actual)
        }
    }
}

struct CommissionResponse: Encodable, Sendable {
    let vendorId: VendorID
    let basisPoints: Int64
    let updatedBy: UserID
    let updatedAt: Timestamp

    init(_ rate: CommissionRate) {
        vendorId = rate.vendorID
        basisPoints = rate.basisPoints
        updatedBy = rate.updatedBy
        updatedAt = rate.updatedAt
    }
}

/// The default rate and one page of the vendors that differ from it.
struct CommissionsResponse: Encodable, Sendable {
    let defaultBasisPoints: Int64
    let overrides: [CommissionResponse]
    /// Of all vendors that differ.
    let overridesCount: Int
}
