import NIOCore
import SoukTesting
import Testing

@testable import SoukGateway

/// Holds the state machine, so that expectations may change it.
private final class Gate {
    typealias Machine = ConcurrencyGate<String, Int>

    private var machine: Machine

    init(_ policy: ConcurrencyPolicy, budgets: BudgetPolicy, loops: Int = 1) {
        machine = Machine(policy, budgets: budgets, loops: loops)
    }

    var running: Int { machine.running }
    var waiting: Int { machine.waiting }
    func enter(_ payers: Payers<String>, _ number: Int) -> Machine.Entry { machine.enter(payers, number) }
    func leave(_ payers: Payers<String>) { machine.leave(payers) }
    func next() -> Int? { machine.next() }
    func abandon(_ ticket: Machine.Ticket) { machine.abandon(ticket) }
}

private final class Queue<Lane: Hashable> {
    private var queue = FairQueue<Lane, Int>()

    var count: Int { queue.count }
    func append(_ number: Int, lane: Lane) -> FairQueue<Lane, Int>.Ticket { queue.append(number, lane: lane) }
    func popFirst(where isReady: (Int) -> Bool = { _ in true }) -> Int? { queue.popFirst(where: isReady) }
    func remove(_ ticket: FairQueue<Lane, Int>.Ticket) -> Int? { queue.remove(ticket) }
}

private struct Weak {
    weak var client: ClientBudget?
}

private func policy(_ limit: Int, queue: Int) -> ConcurrencyPolicy {
    var policy = ConcurrencyPolicy()
    policy.limit = limit
    policy.queue = queue
    return policy
}

private func budgets(_ share: Int) -> BudgetPolicy {
    var budgets = BudgetPolicy()
    budgets.share = share
    return budgets
}

private func payer(_ client: String?, account: String? = nil) -> Payers<String> {
    Payers(client: client, account: account)
}

extension ConcurrencyGate.Entry {
    fileprivate var ticket: ConcurrencyGate.Ticket? {
        if case .queued(let ticket) = self { ticket } else { nil }
    }
}

@Suite struct ConcurrencyGateTests {
    @Test func oneAfterTheOther() throws {
        let gate = Gate(policy(2, queue: 2), budgets: budgets(1))
        #expect(gate.enter(payer("a"), 1) == .admitted)
        #expect(gate.enter(payer("a"), 2) == .admitted)
        let third = try #require(gate.enter(payer("a"), 3).ticket)
        #expect(gate.enter(payer("b"), 4).ticket != nil)
        #expect(gate.enter(payer("c"), 5) == .refused(.route))
        #expect(gate.next() == nil)
        gate.abandon(third)
        gate.leave(payer("a"))
        #expect(gate.next() == 4)
        #expect(gate.running == 2 && gate.waiting == 0)
        gate.abandon(third)
        gate.leave(payer("a"))
        gate.leave(payer("b"))
        #expect(gate.running == 0 && gate.next() == nil)
        #expect(gate.enter(payer("a"), 6) == .admitted)
    }

    @Test func partsAreRoundedUp() {
        let gate = Gate(policy(3, queue: 0), budgets: budgets(1), loops: 2)
        let entries = (0..<3).map { gate.enter(payer("a"), $0) }
        #expect(entries == [.admitted, .admitted, .refused(.route)])
        let shared = Gate(policy(9, queue: 9), budgets: budgets(8))
        for _ in 0..<2 { #expect(shared.enter(payer("a"), 0) == .admitted) }
        for _ in 0..<2 { #expect(shared.enter(payer("a"), 0).ticket != nil) }
        #expect(shared.enter(payer("a"), 0) == .refused(.payer))
    }

    @Test func nobodyHasMoreThanAPart() throws {
        let gate = Gate(policy(8, queue: 8), budgets: budgets(4))
        #expect(gate.enter(payer("a"), 1) == .admitted && gate.enter(payer("a"), 2) == .admitted)
        // Slots are free, and stay free for others.
        #expect(gate.enter(payer("a"), 3).ticket != nil && gate.enter(payer("a"), 4).ticket != nil)
        #expect(gate.enter(payer("a"), 5) == .refused(.payer))
        #expect(gate.next() == nil)
        #expect(gate.enter(payer("b"), 6) == .admitted)
        gate.leave(payer("a"))
        #expect(gate.next() == 3)
        #expect(gate.next() == nil)
    }

    @Test func anAccountHasNoMoreFromManyAddresses() {
        let gate = Gate(policy(8, queue: 8), budgets: budgets(4))
        let entries = (0..<5).map { gate.enter(payer("address\($0)", account: "eve"), $0) }
        #expect(
            entries[0..<2].allSatisfy { $0 == .admitted } && entries[2...3].allSatisfy { $0.ticket != nil })
        #expect(entries[4] == .refused(.payer))
        #expect(gate.enter(payer("address0"), 9) == .admitted)
    }

    @Test func whoIsExemptHasNoPart() {
        let gate = Gate(policy(4, queue: 4), budgets: budgets(4))
        #expect((0..<4).allSatisfy { gate.enter(payer(nil), $0) == .admitted })
        #expect(gate.enter(payer(nil), 5).ticket != nil)
    }

    /// Whatever happens: nobody has more than a part, nothing gets lost, and no slot is free that somebody waits for who may have it.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func whateverHappens(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (limit, queue, share) = (
            Int.random(in: 1...12, using: &random), Int.random(in: 0...12, using: &random),
            Int.random(in: 1...5, using: &random)
        )
        let gate = Gate(policy(limit, queue: queue), budgets: budgets(share))
        let part = (limit + share - 1) / share
        var running: [Payers<String>] = []
        var waiting: [Int: (payers: Payers<String>, ticket: Gate.Machine.Ticket)] = [:]
        func held(_ name: String) -> Int { running.count { $0.client == name || $0.account == name } }
        for number in 0..<2_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1, 2:
                let account = Bool.random(using: &random) ? "u\(Int.random(in: 0..<3, using: &random))" : nil
                let payers = payer("c\(Int.random(in: 0..<4, using: &random))", account: account)
                switch gate.enter(payers, number) {
                case .admitted: running.append(payers)
                case .queued(let ticket): waiting[number] = (payers, ticket)
                case .refused(.route): #expect(waiting.count == queue)
                case .refused(.payer): break
                }
            case 3 where !running.isEmpty:
                gate.leave(running.remove(at: Int.random(in: 0..<running.count, using: &random)))
                while let next = gate.next() {
                    guard let entrant = waiting.removeValue(forKey: next) else {
                        Issue.record("\(next) does not wait")
                        return
                    }
                    running.append(entrant.payers)
                }
            case 4:
                guard let one = waiting.keys.min(), let entrant = waiting.removeValue(forKey: one) else {
                    break
                }
                gate.abandon(entrant.ticket)
            default: break
            }
            #expect(gate.running == running.count && gate.waiting == waiting.count)
            #expect(running.count <= limit && waiting.count <= queue)
            for name in ["c0", "c1", "c2", "c3", "u0", "u1", "u2"] { #expect(held(name) <= part) }
            if running.count < limit {
                for one in waiting.values {
                    let names = [one.payers.client, one.payers.account].compactMap { $0 }
                    #expect(names.contains { held($0) == part })
                }
            }
        }
        #expect(!running.isEmpty)
    }
}

@Suite struct FairQueueTests {
    @Test func lanesTakeTurns() {
        let queue = Queue<String>()
        for number in 0..<100 { _ = queue.append(number, lane: "many") }
        _ = queue.append(200, lane: "one")
        _ = queue.append(300, lane: "two")
        #expect((0..<5).compactMap { _ in queue.popFirst() } == [0, 200, 300, 1, 2])
        #expect(queue.count == 97)
    }

    @Test func whoIsNotReadyIsPassed() {
        let queue = Queue<String>()
        _ = queue.append(1, lane: "a")
        _ = queue.append(2, lane: "a")
        let last = queue.append(3, lane: "b")
        #expect(queue.popFirst(where: { $0 != 1 }) == 2)
        #expect(queue.popFirst(where: { $0 != 1 }) == 3)
        #expect(queue.popFirst(where: { $0 != 1 }) == nil)
        #expect(queue.remove(last) == nil)
        #expect(queue.popFirst() == 1)
        #expect(queue.count == 0 && queue.popFirst() == nil)
    }

    /// Clients that come, wait and leave would fill the memory otherwise, and the table of budgets with it.
    @Test func whoWaitsNoMoreIsForgotten() {
        let queue = Queue<ClientBudget>()
        var clients: [Weak] = []
        for number in 0..<100 {
            let client = ClientBudget()
            clients.append(Weak(client: client))
            let ticket = queue.append(number, lane: client)
            if number.isMultiple(of: 2) {
                #expect(queue.remove(ticket) == number)
            } else {
                #expect(queue.popFirst() == number)
            }
        }
        #expect(clients.allSatisfy { $0.client == nil })
    }

    /// Within a lane in order, and between two entries of a lane no other lane is served twice.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func whateverHappens(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let queue = Queue<Int>()
        var model: [Int: [(number: Int, ticket: FairQueue<Int, Int>.Ticket)]] = [:]
        /// Per lane: how often each other lane was served since it was, or began to wait.
        var overtaken: [Int: [Int: Int]] = [:]
        for number in 0..<3_000 {
            let lane = Int.random(in: 0..<5, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                if model[lane, default: []].isEmpty { overtaken[lane] = [:] }
                model[lane, default: []].append((number, queue.append(number, lane: lane)))
            case 2, 3:
                guard let found = queue.popFirst() else {
                    #expect(!model.values.contains { !$0.isEmpty })
                    break
                }
                guard let served = model.first(where: { $0.value.first?.number == found })?.key else {
                    Issue.record("\(found) is not the first of its lane")
                    return
                }
                model[served]?.removeFirst()
                overtaken[served] = [:]
                for (other, entries) in model where other != served && !entries.isEmpty {
                    overtaken[other, default: [:]][served, default: 0] += 1
                    #expect(overtaken[other]?[served] ?? 0 <= 1)
                }
            default:
                guard let entry = model[lane]?.popLast() else { break }
                #expect(queue.remove(entry.ticket) == entry.number)
            }
            #expect(queue.count == model.values.reduce(0) { $0 + $1.count })
        }
    }
}

/// One that is done with its slot as soon as it has it, as a request that is refused at once.
private final class Hasty: SlotWaiter {
    private let gate: SlotGate
    private let payers: Payers<ClientBudget>
    private let served: Tally

    init(_ gate: SlotGate, _ payers: Payers<ClientBudget>, _ served: Tally) {
        self.gate = gate
        self.payers = payers
        self.served = served
    }

    func slotIsFree() {
        served.count += 1
        gate.leave(payers)
    }
}

private final class Tally {
    var count = 0
}

@Suite struct SlotGateTests {
    @Test func aHundredThousandThatEndAtOnceNeedNoStack() {
        let gate = SlotGate(ConcurrencyGate(policy(1, queue: 100_000), budgets: budgets(1)))
        let payers = Payers(client: ClientBudget())
        let served = Tally()
        let first = Hasty(gate, payers, served)
        #expect(gate.enter(payers, first) == .admitted)
        let waiting = (0..<100_000).map { _ in Hasty(gate, payers, served) }
        for one in waiting { #expect(gate.enter(payers, one) != .admitted) }
        gate.leave(payers)
        #expect(served.count == 100_000)
        #expect(gate.enter(payers, first) == .admitted)
    }
}
