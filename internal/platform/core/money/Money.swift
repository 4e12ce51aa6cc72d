/// An exact amount of one currency, in whole minor units.
///
/// All arithmetic is checked: it gives the exact result or throws. Encodes as `{"amount": 1999, "currency":
/// "GBP"}`.
package struct Money: Hashable, Sendable, Codable {
    /// Minor units: 1999 is 19.99 in a currency with exponent 2. May be negative.
    package let amount: Int64
    /// The currency of the amount.
    package let currency: Currency

    /// `amount` minor units of `currency`.
    package init(_ amount: Int64, _ currency: Currency) {
        self.amount = amount
        self.currency = currency
    }

    /// Nothing, in `currency`.
    package static func zero(_ currency: Currency) -> Money { Money(0, currency) }

    /// The sum of `amounts`, zero when there are none.
    ///
    /// Throws: `.currencyMismatch` when one is not in `currency`; `.overflow`.
    package static func sum(_ amounts: some Sequence<Money>, in currency: Currency) throws(MoneyError)
        -> Money
    {
        var total = Money.zero(currency)
        for amount in amounts { total = try total.adding(amount) }
        return total
    }

    /// Whether the amount is zero.
    package var isZero: Bool { amount == 0 }
    /// Whether the amount is below zero.
    package var isNegative: Bool { amount < 0 }

    /// The sum.
    ///
    /// Throws: `.currencyMismatch`; `.overflow`.
    package func adding(_ other: Money) throws(MoneyError) -> Money {
        guard currency == other.currency else { throw .currencyMismatch }
        let (sum, overflow) = amount.addingReportingOverflow(other.amount)
        guard !overflow else { throw .overflow }
        return Money(sum, currency)
    }

    /// The difference; may be negative.
    ///
    /// Throws: `.currencyMismatch`; `.overflow`.
    package func subtracting(_ other: Money) throws(MoneyError) -> Money {
        guard currency == other.currency else { throw .currencyMismatch }
        let (difference, overflow) = amount.subtractingReportingOverflow(other.amount)
        guard !overflow else { throw .overflow }
        return Money(difference, currency)
    }

    /// The amount `factor` times.
    ///
    /// Throws: `.overflow`.
    package func multiplied(by factor: Int64) throws(MoneyError) -> Money {
        let (product, overflow) = amount.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw .overflow }
        return Money(product, currency)
    }

    /// The same amount with the other sign.
    ///
    /// Throws: `.overflow` for the one amount that has no counterpart, `Int64.min`.
    package func negated() throws(MoneyError) -> Money {
        try Money.zero(currency).subtracting(self)
    }

    /// So many ten-thousandths of the amount, rounded half to even: 250 basis points are 2.5 %.
    ///
    /// Negative amounts round as their positive counterparts, so a reversal undoes a share exactly.
    /// Throws: `.overflow`.
    package func share(basisPoints: Int64) throws(MoneyError) -> Money {
        let product = Int128(amount) * Int128(basisPoints)
        let (quotient, remainder) = product.magnitude.quotientAndRemainder(dividingBy: 10_000)
        var rounded = quotient
        if remainder > 5_000 || (remainder == 5_000 && quotient % 2 == 1) { rounded += 1 }
        guard let exact = Int64(exactly: product < 0 ? -Int128(rounded) : Int128(rounded)) else {
            throw .overflow
        }
        return Money(exact, currency)
    }

    /// The amount divided in proportion to `weights`, by the method of largest remainders.
    ///
    /// One part per weight, in the same order; the parts add up to the amount exactly, each is less than one
    /// minor unit away from its exact proportion, and none has the other sign. Left-over units go to the
    /// largest remainders, the earlier one first among equals. Weights that are all zero count as equal.
    /// Throws: `.invalidWeights` when there is none or one is negative.
    package func allocate(weights: [Int64]) throws(MoneyError) -> [Money] {
        guard !weights.isEmpty, weights.allSatisfy({ $0 >= 0 }) else { throw .invalidWeights }
        let shares = weights.allSatisfy { $0 == 0 } ? weights.map { _ in Int64(1) } : weights
        let total = shares.reduce(UInt128(0)) { $0 + UInt128($1) }
        let magnitude = UInt128(amount.magnitude)

        var parts: [UInt128] = []
        var remainders: [(index: Int, remainder: UInt128)] = []
        for (index, share) in shares.enumerated() {
            let (part, remainder) = (magnitude * UInt128(share)).quotientAndRemainder(dividingBy: total)
            parts.append(part)
            remainders.append((index, remainder))
        }
        let missing = Int(magnitude - parts.reduce(0, +))
        remainders.sort { $0.remainder != $1.remainder ? $0.remainder > $1.remainder : $0.index < $1.index }
        for entry in remainders.prefix(missing) { parts[entry.index] += 1 }

        var result: [Money] = []
        for part in parts {
            guard let exact = Int64(exactly: amount < 0 ? -Int128(part) : Int128(part)) else {
                throw .overflow
            }
            result.append(Money(exact, currency))
        }
        return result
    }
}

extension Money: CustomStringConvertible {
    /// The decimal amount and the code, `19.99 GBP`, `-0.05 EUR`, `1999 JPY`; the same everywhere, no locale.
    package var formatted: String {
        var digits = String(amount.magnitude)
        let exponent = currency.exponent
        if exponent > 0 {
            if digits.count <= exponent {
                digits = String(repeating: "0", count: exponent + 1 - digits.count) + digits
            }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -exponent))
        }
        return "\(amount < 0 ? "-" : "")\(digits) \(currency.code)"
    }

    /// Same as ``formatted``.
    package var description: String { formatted }
}
