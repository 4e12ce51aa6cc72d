import NIOCore
import Synchronization

/// The budgets of the clients that hold something, or did a moment ago.
///
/// Safe from any thread: keys are spread over shards, each with a lock that is held for one look-up. A budget is remembered as
/// long as somebody holds it, so it can't be shed by opening many others. Those that nobody holds make room. Should all of a shard
/// be held, which takes more clients at one time than there can be connections, further clients share one budget.
final class ClientBudgets: Sendable {
    static let capacity = 100_000
    private static let shardBits: UInt64 = 4

    private final class Shard: Sendable {
        let table: Mutex<BudgetTable>

        init(capacity: Int) { table = Mutex(BudgetTable(capacity: capacity)) }
    }

    private let shards: [Shard]
    private let overflow = ClientBudget()
    /// Odd and unknown outside, so that nobody can aim at one shard.
    private let seed = UInt64.random(in: 0...UInt64.max) | 1

    init(capacity: Int = ClientBudgets.capacity) {
        let count = 1 << Int(Self.shardBits)
        shards = (0..<count).map { _ in Shard(capacity: max((capacity + count - 1) / count, 1)) }
    }

    /// The client's budget. Whoever keeps it holds it.
    func budget(of key: RateKey, at now: NIODeadline) -> ClientBudget {
        let shard = shards[Int(truncatingIfNeeded: (key.spread &* seed) >> (64 - Self.shardBits))]
        return shard.table.withLock { $0.budget(of: key, at: now) } ?? overflow
    }

    /// Budgets that are remembered.
    var count: Int { shards.reduce(0) { sum, shard in sum + shard.table.withLock { $0.count } } }
}

private struct BudgetTable {
    /// How many are looked at for each new one: more leave than come.
    private static let looks = 2
    /// How many where there is no room.
    private static let looksWhenFull = 64

    private let capacity: Int
    private var positions: [RateKey: Int] = [:]
    private var slots: [(key: RateKey, budget: ClientBudget)] = []
    /// The next to be looked at.
    private var hand = 0

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { slots.count }

    /// Nil where there is no room for another.
    mutating func budget(of key: RateKey, at now: NIODeadline) -> ClientBudget? {
        if let position = positions[key] { return slots[position].budget }
        makeRoom(looks: slots.count < capacity ? Self.looks : Self.looksWhenFull, at: now)
        guard slots.count < capacity else { return nil }
        let budget = ClientBudget()
        positions[key] = slots.count
        slots.append((key, budget))
        return budget
    }

    private mutating func makeRoom(looks: Int, at now: NIODeadline) {
        for _ in 0..<min(looks, slots.count) {
            if hand >= slots.count { hand = 0 }
            // Nobody else can come to hold it meanwhile: that takes the lock, or somebody who holds it.
            guard isKnownUniquelyReferenced(&slots[hand].budget), slots[hand].budget.isSettled(at: now) else {
                hand += 1
                continue
            }
            positions[slots[hand].key] = nil
            let last = slots.removeLast()
            guard hand < slots.count else { continue }
            slots[hand] = last
            positions[last.key] = hand
        }
    }
}
