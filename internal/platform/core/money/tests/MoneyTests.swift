import Foundation
import SoukErrors
import SoukMoney
import SoukTesting
import Testing

private func currency(_ code: String) throws -> Currency { try #require(Currency(code)) }

@Suite struct CurrencyTests {
    @Test(arguments: [
        ("GBP", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("ISK", 0), ("TND", 3), ("CLP", 0), ("XCG", 2),
    ])
    func knowsExponents(_ code: String, _ exponent: Int) throws {
        #expect(try currency(code).exponent == exponent)
    }

    @Test(arguments: ["", "gbp", "GB", "GBPP", "ZZZ", "XXX", "XAU", "DEM", "CLF", "GBP "])
    func refusesOthers(_ code: String) {
        #expect(Currency(code) == nil)
    }

    @Test func listIsWellFormed() {
        #expect(Currency.all.count == 163)
        for currency in Currency.all {
            #expect(currency.code.utf8.count == 3)
            #expect(currency.code.allSatisfy { $0.isASCII && $0.isUppercase })
            #expect([0, 2, 3].contains(currency.exponent))
        }
    }
}

@Suite struct MoneyTests {
    @Test(arguments: [
        (1_999, "GBP", "19.99 GBP"), (-5, "EUR", "-0.05 EUR"), (1_999, "JPY", "1999 JPY"),
        (0, "GBP", "0.00 GBP"),
        (7, "KWD", "0.007 KWD"), (-123_456, "KWD", "-123.456 KWD"), (100, "GBP", "1.00 GBP"),
        (Int64.min, "GBP", "-92233720368547758.08 GBP"),
    ])
    func formats(_ amount: Int64, _ code: String, _ text: String) throws {
        #expect(Money(amount, try currency(code)).formatted == text)
    }

    @Test func codesAsAmountAndCurrency() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let money = Money(1_999, try currency("GBP"))
        let json = try encoder.encode(money)
        #expect(String(decoding: json, as: UTF8.self) == #"{"amount":1999,"currency":"GBP"}"#)
        #expect(try JSONDecoder().decode(Money.self, from: json) == money)
        for bad in [
            #"{"amount":1.5,"currency":"GBP"}"#, #"{"amount":1,"currency":"gbp"}"#, #"{"amount":1}"#,
            #"{"amount":"1","currency":"GBP"}"#,
        ] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(Money.self, from: Data(bad.utf8)) }
        }
    }

    @Test func checksEveryOperation() throws {
        let pound = try currency("GBP")
        let euro = try currency("EUR")
        let one = Money(1, pound)
        #expect(try one.adding(Money(2, pound)).amount == 3)
        #expect(try one.subtracting(Money(2, pound)).amount == -1)
        #expect(try one.multiplied(by: -7).amount == -7)
        #expect(try one.negated().amount == -1)
        #expect(try Money.sum([one, one, one], in: pound).amount == 3)
        #expect(throws: MoneyError.currencyMismatch) { try one.adding(.zero(euro)) }
        #expect(throws: MoneyError.currencyMismatch) { try one.subtracting(.zero(euro)) }
        #expect(throws: MoneyError.currencyMismatch) { try Money.sum([.zero(euro)], in: pound) }
        #expect(throws: MoneyError.overflow) { try one.adding(Money(.max, pound)) }
        #expect(throws: MoneyError.overflow) { try Money(.min, pound).subtracting(one) }
        #expect(throws: MoneyError.overflow) { try Money(.max, pound).multiplied(by: 2) }
        #expect(throws: MoneyError.overflow) { try Money(.min, pound).negated() }
    }

    @Test(
        arguments: [
            (1_000, 250, 25), (50, 100, 0), (150, 100, 2), (250, 100, 2), (-50, 100, 0), (-150, 100, -2),
            (51, 100, 1),
            (1, 5_000, 0), (3, 5_000, 2), (1_999, 10_000, 1_999), (1_999, 0, 0), (1_999, -10_000, -1_999),
            (Int64.max, 10_000, Int64.max), (Int64.min, 10_000, Int64.min),
        ] as [(Int64, Int64, Int64)])
    func shareRoundsHalfToEven(_ amount: Int64, _ basisPoints: Int64, _ expected: Int64) throws {
        let pound = try currency("GBP")
        #expect(try Money(amount, pound).share(basisPoints: basisPoints).amount == expected)
    }

    @Test func shareOverflows() throws {
        let pound = try currency("GBP")
        #expect(throws: MoneyError.overflow) { try Money(.max, pound).share(basisPoints: 10_001) }
        #expect(throws: MoneyError.overflow) { try Money(.min, pound).share(basisPoints: -10_000) }
    }

    @Test func shareIsTheNearestAndSymmetric() throws {
        let pound = try currency("GBP")
        var random = SeededGenerator(seed: 8)
        for _ in 0..<5_000 {
            let amount = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
            let basisPoints = Int64.random(in: 0...10_000, using: &random)
            let share = try Money(amount, pound).share(basisPoints: basisPoints)
            #expect(abs(share.amount * 10_000 - amount * basisPoints) <= 5_000)
            #expect(try Money(-amount, pound).share(basisPoints: basisPoints) == share.negated())
        }
    }

    @Test func allocatesWhatTheTextbookSays() throws {
        let pound = try currency("GBP")
        #expect(try Money(100, pound).allocate(weights: [1, 1, 1]).map(\.amount) == [34, 33, 33])
        #expect(try Money(-100, pound).allocate(weights: [1, 1, 1]).map(\.amount) == [-34, -33, -33])
        #expect(try Money(5, pound).allocate(weights: [0, 0]).map(\.amount) == [3, 2])
        #expect(try Money(5, pound).allocate(weights: [0, 7, 0]).map(\.amount) == [0, 5, 0])
        #expect(try Money(10, pound).allocate(weights: [6, 3, 1]).map(\.amount) == [6, 3, 1])
        #expect(try Money(0, pound).allocate(weights: [3, 4]).map(\.amount) == [0, 0])
        #expect(try Money(.min, pound).allocate(weights: [1]).map(\.amount) == [.min])
        #expect(try Money(.max, pound).allocate(weights: [.max, .max]).map(\.amount).reduce(0, +) == .max)
        #expect(throws: MoneyError.invalidWeights) { try Money(1, pound).allocate(weights: []) }
        #expect(throws: MoneyError.invalidWeights) { try Money(1, pound).allocate(weights: [2, -1]) }
    }

    @Test func allocationIsExactAndFair() throws {
        let pound = try currency("GBP")
        var random = SeededGenerator(seed: 9)
        for _ in 0..<3_000 {
            let amount = Int64.random(in: -100_000_000...100_000_000, using: &random)
            let weights = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                Bool.random(using: &random) ? Int64.random(in: 0...1_000_000, using: &random) : 0
            }
            let parts = try Money(amount, pound).allocate(weights: weights)
            #expect(parts.count == weights.count)
            #expect(parts.map(\.amount).reduce(0, +) == amount)
            let total = weights.reduce(0, +)
            guard total > 0 else { continue }
            for (part, weight) in zip(parts, weights) {
                // |part - amount * weight / total| < 1
                #expect(abs(part.amount * total - amount * weight) < total)
                #expect(part.amount.signum() * amount.signum() >= 0)
                if weight == 0 { #expect(part.isZero) }
            }
        }
    }

    @Test func errorsAreTheCallersFault() {
        #expect(MoneyError.overflow.kind == .unprocessable)
        #expect(MoneyError.currencyMismatch.code == "money.currency_mismatch")
    }
}
