import SoukMoney

/// How the marketplace's part of a sale is computed.
enum Commission {
    /// Basis points that can be set: nothing to everything.
    static let rates: ClosedRange<Int64> = 0...10_000

    /// How much of a share's commission has gone back once `refunded` of its `gross` has.
    ///
    /// In proportion, rounded half to even, and computed from the running total rather than refund by refund: rounding
    /// never adds up, and refunding all of it gives back the commission to the last cent.
    ///
    /// - Returns: between zero and `commission`, never less for a greater `refunded`.
    static func reversed(of commission: Money, refunded: Money, gross: Money) -> Money {
        guard gross.amount > 0 else { return .zero(commission.currency) }
        let product = Int128(commission.amount) * Int128(refunded.amount)
        let (whole, remainder) = product.quotientAndRemainder(dividingBy: Int128(gross.amount))
        var quotient = whole
        let twice = remainder * 2
        if twice > Int128(gross.amount) || (twice == Int128(gross.amount) && quotient % 2 == 1) {
            quotient += 1
        }
        // At most the commission, which fits, because `refunded` is at most `gross`.
        return Money(Int64(clamping: quotient), commission.currency)
    }
}
