package import SoukErrors

/// Why a sum could not be computed.
package enum MoneyError: SoukError, Hashable {
    /// The result does not fit into 64 bits.
    case overflow
    /// The two amounts are of different currencies.
    case currencyMismatch
    /// No weights to allocate by, or a negative one.
    case invalidWeights

    package var kind: ErrorKind { .unprocessable }

    package var code: String {
        switch self {
        case .overflow: "money.overflow"
        case .currencyMismatch: "money.currency_mismatch"
        case .invalidWeights: "money.invalid_weights"
        }
    }

    package var message: String {
        switch self {
        case .overflow: "The amount is too large."
        case .currencyMismatch: "The amounts are in different currencies."
        case .invalidWeights: "The amount cannot be divided that way."
        }
    }
}
