import NIOCore
import Synchronization
import SoukTesting
import Testing

@testable import SoukGateway

private func time(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }

@Suite struct ClientBudgetsTests {
    @Test func aClientHasOneBudgetAsLongAsSomebodyHoldsIt() {
        let budgets = ClientBudgets()
        let one = budgets.budget(of: .ipv4(1), at: time(0))
        #expect(budgets.budget(of: .ipv4(1), at: time(0)) === one)
        #expect(budgets.budget(of: .ipv4(2), at: time(0)) !== one)
        // However many others come and go.
        for number in 10..<10_000 as Range<UInt32> { _ = budgets.budget(of: .ipv4(number), at: time(0)) }
        #expect(budgets.budget(of: .ipv4(1), at: time(0)) === one)
        #expect(budgets.count < 100)
    }

    @Test func whoOwesFramesIsRemembered() {
        let budgets = ClientBudgets()
        #expect(budgets.budget(of: .ipv4(1), at: time(0)).spend(frames: 4_000, rate: 1_000, at: time(0)))
        for number in 10..<10_000 as Range<UInt32> { _ = budgets.budget(of: .ipv4(number), at: time(3_999)) }
        #expect(!budgets.budget(of: .ipv4(1), at: time(3_999)).isSettled(at: time(3_999)))
        for number in 10..<10_000 as Range<UInt32> { _ = budgets.budget(of: .ipv4(number), at: time(4_000)) }
        #expect(budgets.budget(of: .ipv4(1), at: time(4_000)).isSettled(at: time(4_000)))
    }

    @Test func beyondTheCapacityClientsShareOne() {
        let budgets = ClientBudgets(capacity: 160)
        let held = (0..<2_000 as Range<UInt32>).map { budgets.budget(of: .ipv4($0), at: time(0)) }
        #expect(budgets.count == 160)
        #expect(Set(held).count == 161)
        // Who was there keeps its own.
        let first = budgets.budget(of: .ipv4(0), at: time(0))
        #expect(first === held[0])
    }

    @Test func asManyThreadsAsYouLike() async {
        let budgets = ClientBudgets(capacity: 64)
        await withTaskGroup(of: Void.self) { group in
            for seed in 0..<8 as Range<UInt64> {
                group.addTask {
                    var random = SeededGenerator(seed: seed)
                    for _ in 0..<5_000 {
                        let key = UInt32.random(in: 0..<200, using: &random)
                        let budget = budgets.budget(of: .ipv4(key), at: time(0))
                        if budget.requests.take(1, of: 1_000) { budget.requests.giveBack(1) }
                    }
                }
            }
        }
        #expect(budgets.count <= 64)
        for key in 0..<200 as Range<UInt32> {
            let left = budgets.budget(of: .ipv4(key), at: time(0)).requests.load(ordering: .relaxed)
            #expect(left == 0)
        }
    }
}

@Suite struct ClientBudgetTests {
    @Test func takesNoMoreThanTheLimit() {
        let budget = ClientBudget()
        func take(_ count: Int) -> Bool { budget.bodyBytes.take(count, of: 10) }
        #expect(take(7))
        #expect(!take(4))
        #expect(take(3))
        budget.bodyBytes.giveBack(7)
        #expect(take(7))
    }

    @Test func framesComeBackWithTime() {
        let budget = ClientBudget()
        #expect(budget.spend(frames: 390, rate: 100, at: time(1_000)))
        #expect(budget.spend(frames: 10, rate: 100, at: time(1_000)))
        #expect(!budget.spend(frames: 1, rate: 100, at: time(1_000)))
        #expect(!budget.spend(frames: 1, rate: 100, at: time(1_009)))
        // Asking for too many took what there was.
        #expect(!budget.spend(frames: 1, rate: 100, at: time(1_010)))
        #expect(budget.spend(frames: 1, rate: 100, at: time(1_020)))
        // What we sent ourselves may be acknowledged.
        budget.earn(frames: 3, rate: 100)
        #expect(budget.spend(frames: 3, rate: 100, at: time(1_020)))
        #expect(!budget.spend(frames: 1, rate: 100, at: time(1_020)))
        #expect(!budget.hasFrames(at: time(1_269)))
        #expect(budget.hasFrames(at: time(1_270)))
        // Nothing is saved up beyond the burst.
        budget.earn(frames: 10_000, rate: 100)
        #expect(!budget.spend(frames: 401, rate: 100, at: time(1_270)))
    }
}

@Suite struct HTTP2FrameCostsTests {
    private func frame(_ type: UInt8, flags: UInt8 = 0, length: Int = 0) -> [UInt8] {
        [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags, 0, 0, 0, 1]
            + [UInt8](repeating: 0, count: length)
    }

    private var preface: [UInt8] { Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) }

    private func cost(_ bytes: [UInt8], by step: Int = .max) -> Int {
        var costs = HTTP2FrameCosts()
        var sum = 0
        var start = 0
        let all = preface + bytes
        while start < all.count {
            let end = min(all.count, step == .max ? all.count : start + step)
            sum += all[start..<end].withUnsafeBytes { costs.add($0) }
            start = end
        }
        return sum
    }

    @Test func requestsAndBodiesCostNothing() {
        #expect(cost([]) == 0)
        #expect(cost(frame(1, flags: 5, length: 40)) == 0)
        #expect(cost(frame(0, length: 64)) == 0 && cost(frame(0, length: 16_384)) == 0)
        #expect(cost(frame(0, flags: 1)) == 0)
    }

    @Test(arguments: [2, 4, 5, 6, 7, 8, 9, 10, 0xFA] as [UInt8])
    func everyOtherFrameCostsOne(type: UInt8) { #expect(cost(frame(type, length: 8)) == 1) }

    @Test func someCostMore() {
        #expect(cost(frame(0)) == 1 && cost(frame(0, length: 63)) == 1)
        // It may be padding and nothing else.
        #expect(cost(frame(0, flags: 8, length: 255)) == 1)
        #expect(cost(frame(3, length: 4)) == 20)
        #expect(cost(frame(0xFA, length: 16_384)) == 17)
    }

    /// However the bytes are cut, the sum is the same.
    @Test func anySplits() {
        let bytes = (0..<50 as Range<UInt8>).flatMap { frame($0 % 12, flags: $0 & 1, length: Int($0) * 37) }
        let whole = cost(bytes)
        #expect(whole > 50)
        for step in [1, 2, 3, 7, 8, 9, 10, 33, 1_000] { #expect(cost(bytes, by: step) == whole) }
    }
}
