import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import Testing

@testable import SoukPayment

@Suite struct StateMachineTests {
    private static let amount = Currency("GBP").map { Money(1_000, $0) }

    /// From, signal, outcome: a state, `=` for nothing to do.
    @Test(arguments: [
        (PaymentIntent.State.pending, "authorized", "authorized"), (.pending, "captured", "captured"),
        (.pending, "failed", "failed"), (.pending, "cancelled", "cancelled"),
        (.authorized, "authorized", "="), (.authorized, "captured", "captured"),
        (.authorized, "failed", "failed"),
        (.authorized, "cancelled", "cancelled"),
        (.captured, "authorized", "="), (.captured, "captured", "="), (.captured, "failed", "="),
        (.captured, "cancelled", "="),
        (.failed, "authorized", "="), (.failed, "captured", "captured"), (.failed, "failed", "="),
        (.failed, "cancelled", "="),
        (.cancelled, "authorized", "="), (.cancelled, "captured", "captured"), (.cancelled, "failed", "="),
        (.cancelled, "cancelled", "="),
    ])
    func everyStateAndSignal(from state: PaymentIntent.State, signal: String, outcome: String) throws {
        let amount = try #require(Self.amount)
        let signals: [String: ChargeSignal] = [
            "authorized": .authorized(amount), "captured": .captured(amount),
            "failed": .failed(reason: "declined"),
            "cancelled": .cancelled,
        ]
        let transition = IntentStateMachine.transition(
            from: state, amount: amount, on: try #require(signals[signal]))
        switch transition {
        case .become(let next, let reason):
            #expect(next.rawValue == outcome)
            #expect(reason == (next == .failed ? "declined" : nil))
        case .ignore: #expect(outcome == "=")
        case .mismatch: Issue.record("the amounts are the same")
        }
    }

    @Test func anotherAmountOrCurrencyMovesNothing() throws {
        let amount = try #require(Self.amount)
        let other = Money(1_000, try #require(Currency("EUR")))
        for wrong in [Money(999, amount.currency), Money(1_001, amount.currency), other] {
            for state in [PaymentIntent.State.pending, .authorized, .failed, .cancelled] {
                #expect(
                    IntentStateMachine.transition(from: state, amount: amount, on: .captured(wrong))
                        == .mismatch)
            }
            #expect(
                IntentStateMachine.transition(from: .pending, amount: amount, on: .authorized(wrong))
                    == .mismatch)
        }
    }

    @Test func reversedCommissionGrowsToExactlyAllOfIt() throws {
        let gbp = try #require(Currency("GBP"))
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let gross = Money(Int64.random(in: 1...5_000, using: &random), gbp)
            let commission = try gross.share(basisPoints: Int64.random(in: 0...10_000, using: &random))
            var refunded: Int64 = 0
            var before = Money.zero(gbp)
            while refunded < gross.amount {
                let part = Int64.random(in: 1...(gross.amount - refunded), using: &random)
                refunded += part
                let after = Commission.reversed(of: commission, refunded: Money(refunded, gbp), gross: gross)
                // No more goes back to the vendor, nor from it, than was refunded.
                #expect(after.amount >= before.amount && after.amount - before.amount <= part)
                before = after
            }
            #expect(before == commission)
        }
        let all = Money(.max, gbp)
        #expect(Commission.reversed(of: all, refunded: all, gross: all) == all)
        #expect(Commission.reversed(of: .zero(gbp), refunded: .zero(gbp), gross: .zero(gbp)) == .zero(gbp))
    }
}
