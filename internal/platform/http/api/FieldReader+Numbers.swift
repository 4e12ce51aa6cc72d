package import SoukMoney

extension FieldReader {
    /// A required whole number; the lowest allowed when refused.
    package func int(_ name: String, in range: ClosedRange<Int>) -> Int {
        required(name, optionalInt(name, in: range)) ?? range.lowerBound
    }

    /// A whole number; `nil` when absent or refused.
    ///
    /// `1.0` and `1e2` are whole; a fraction is of the wrong type, a whole number beyond 64 bits out of range.
    package func optionalInt(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard isPresent(name) else { return nil }
        guard let value = try? container.decode(Int.self, forKey: AnyKey(name)) else {
            guard let real = try? container.decode(Double.self, forKey: AnyKey(name)), real.rounded() == real
            else {
                wrongType(name, expected: "a whole number")
                return nil
            }
            outOfRange(name, range)
            return nil
        }
        guard range.contains(value) else {
            outOfRange(name, range)
            return nil
        }
        return value
    }

    /// A required amount `{"amount": 1999, "currency": "GBP"}` of at least `min` minor units; `nil` when refused.
    package func money(_ name: String, min: Int64 = 0) -> Money? {
        required(name, optionalMoney(name, min: min))
    }

    /// An amount of money; `nil` when absent or refused.
    package func optionalMoney(_ name: String, min: Int64 = 0) -> Money? {
        readObject(name) { fields in
            let amount = fields.int("amount", in: Int(min)...Int.max)
            let code = fields.string("currency", length: 3...3)
            guard !code.isEmpty else { return nil }
            guard let currency = Currency(code) else {
                fields.fail("currency", code: "currency", "The value must be an active ISO 4217 code.")
                return nil
            }
            return Money(Int64(amount), currency)
        }
    }

    private func outOfRange(_ name: String, _ range: ClosedRange<Int>) {
        let bounds =
            range.upperBound == .max
            ? "at least \(range.lowerBound)" : "between \(range.lowerBound) and \(range.upperBound)"
        fail(name, code: "range", "The value must be \(bounds).")
    }
}
