import NIOCore
import SoukTesting
import Testing

@testable import SoukGateway

/// Holds a state machine, so that expectations may change it.
private final class Held<Machine> {
    private(set) var it: Machine

    init(_ machine: Machine) { it = machine }

    func change<Result>(_ body: (inout Machine) -> Result) -> Result { body(&it) }
}

private func time(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }

@Suite struct CircuitBreakerTests {
    private func breaker(failures: Int = 3, openFor: Duration = .seconds(2)) -> Held<CircuitBreaker> {
        var policy = BreakerPolicy()
        policy.failures = failures
        policy.openFor = openFor
        return Held(CircuitBreaker(policy))
    }

    @Test func failuresInARowOpenIt() {
        let breaker = breaker()
        for _ in 0..<2 { #expect(!breaker.change { $0.noteFailure(at: time(0)) }) }
        #expect(!breaker.change { $0.noteSuccess(at: time(0)) })
        for _ in 0..<2 { #expect(!breaker.change { $0.noteFailure(at: time(0)) }) }
        #expect(breaker.it.state(at: time(0)) == .closed)
        #expect(breaker.change { $0.admits(at: time(10)) != .refused })
        #expect(breaker.change { $0.noteFailure(at: time(10)) })
        #expect(breaker.it.state(at: time(10)) == .open)
        #expect(!breaker.change { $0.admits(at: time(10)) != .refused })
        #expect(!breaker.change { $0.admits(at: time(2_009)) != .refused })
        #expect(breaker.it.retryAfter(at: time(10)) == 2)
        #expect(breaker.it.retryAfter(at: time(1_500)) == 1)
        #expect(breaker.it.retryAfter(at: time(9_000)) == 1)
    }

    @Test func oneTryDecides() {
        let breaker = breaker()
        for _ in 0..<3 { _ = breaker.change { $0.noteFailure(at: time(0)) } }
        #expect(breaker.it.state(at: time(2_000)) == .halfOpen)
        #expect(breaker.change { $0.admits(at: time(2_000)) } == .probe)
        #expect(breaker.change { $0.admits(at: time(2_001)) } == .refused)
        // It was open before, so it isn't said to open.
        #expect(!breaker.change { $0.noteFailure(at: time(2_100)) })
        #expect(!breaker.change { $0.admits(at: time(4_099)) != .refused })
        #expect(breaker.change { $0.admits(at: time(4_100)) != .refused })
        #expect(breaker.change { $0.noteSuccess(at: time(4_200)) })
        #expect(breaker.it.state(at: time(4_200)) == .closed)
        #expect(breaker.change { $0.admits(at: time(4_200)) } == .admitted)
        // It begins to count anew.
        for _ in 0..<2 { #expect(!breaker.change { $0.noteFailure(at: time(4_300)) }) }
        #expect(breaker.it.state(at: time(4_300)) == .closed)
        #expect(breaker.change { $0.noteFailure(at: time(4_300)) })
    }

    @Test func aTryThatNobodyReportsMakesRoom() {
        let breaker = breaker(failures: 1)
        #expect(breaker.change { $0.noteFailure(at: time(0)) })
        #expect(breaker.change { $0.admits(at: time(2_000)) != .refused })
        #expect(!breaker.change { $0.admits(at: time(3_999)) != .refused })
        #expect(breaker.change { $0.admits(at: time(4_000)) != .refused })
        #expect(!breaker.change { $0.admits(at: time(4_001)) != .refused })
    }

    @Test func whatBeganBeforeChangesNothingWhileItIsOpen() {
        let breaker = breaker(failures: 1)
        #expect(breaker.change { $0.noteFailure(at: time(0)) })
        #expect(!breaker.change { $0.noteFailure(at: time(1_999)) })
        #expect(!breaker.change { $0.noteSuccess(at: time(1_999)) })
        #expect(breaker.change { $0.admits(at: time(2_000)) != .refused })
    }

    /// Whatever happens: never do two tries begin within the time it stays open, and it closes as often as it opens.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func whateverHappens(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let breaker = breaker(failures: Int.random(in: 1...4, using: &random), openFor: .milliseconds(50))
        var now: UInt64 = 0
        var triedAt: UInt64?
        var (opened, closed) = (0, 0)
        for _ in 0..<3_000 {
            now += UInt64.random(in: 0..<20, using: &random)
            let before = breaker.it.state(at: time(now))
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let isAdmitted = breaker.change { $0.admits(at: time(now)) != .refused }
                switch before {
                case .open: #expect(!isAdmitted)
                case .closed: #expect(isAdmitted)
                case .halfOpen:
                    guard isAdmitted else { break }
                    if let triedAt { #expect(now >= triedAt + 50) }
                    triedAt = now
                }
            case 2: closed += breaker.change { $0.noteSuccess(at: time(now)) } ? 1 : 0
            default: opened += breaker.change { $0.noteFailure(at: time(now)) } ? 1 : 0
            }
            let isOut = breaker.it.state(at: time(now)) != .closed
            #expect(opened - closed == (isOut ? 1 : 0))
        }
        #expect(closed > 0)
    }
}

@Suite struct RetryBudgetTests {
    private func budget(percent: Int, floor: Int) -> Held<RetryBudget> {
        var policy = RetryPolicy()
        policy.budgetPercent = percent
        policy.budgetFloor = floor
        return Held(RetryBudget(policy))
    }

    private func takeAll(_ budget: Held<RetryBudget>, at now: NIODeadline) -> Int {
        var count = 0
        while budget.change({ $0.spend(at: now) }), count < 10_000 { count += 1 }
        return count
    }

    @Test func aShareOfTheLastTenSeconds() {
        let budget = budget(percent: 20, floor: 0)
        #expect(takeAll(budget, at: time(0)) == 0)
        for second in 0..<20 as Range<UInt64> {
            for _ in 0..<10 { budget.change { $0.noteRequest(at: time(second * 1_000)) } }
        }
        #expect(takeAll(budget, at: time(19_999)) == 20)
        #expect(!budget.change { $0.spend(at: time(20_999)) })
        // Requests leave, and so do repetitions.
        #expect(takeAll(budget, at: time(29_000)) == 0)
        budget.change { $0.noteRequest(at: time(60_000)) }
        #expect(takeAll(budget, at: time(60_000)) == 0)
        for _ in 0..<9 { budget.change { $0.noteRequest(at: time(60_000)) } }
        #expect(takeAll(budget, at: time(60_000)) == 2)
    }

    @Test func aFewInAnyCase() {
        let budget = budget(percent: 0, floor: 3)
        #expect(takeAll(budget, at: time(5_000)) == 30)
        #expect(takeAll(budget, at: time(14_999)) == 0)
        #expect(takeAll(budget, at: time(15_000)) == 30)
    }

    @Test func aLateClockChangesNothing() {
        let budget = budget(percent: 100, floor: 0)
        budget.change { $0.noteRequest(at: time(50_000)) }
        budget.change { $0.noteRequest(at: time(20_000)) }
        #expect(takeAll(budget, at: time(20_000)) == 2)
    }
}
