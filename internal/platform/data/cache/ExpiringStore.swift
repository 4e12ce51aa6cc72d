package import SoukTime

/// Values by key, each with an end; the least recently used make room for new ones. Every operation takes constant
/// time, except ``removeAll(where:)``.
package struct ExpiringStore<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var key: String
        var value: Value?
        var cost: Int
        var storedAt: Timestamp
        var end: Timestamp
        /// Towards the more recently used; -1 at the end of the list.
        var newer: Int
        /// Towards the less recently used.
        var older: Int
    }

    /// A clock set back by more than this makes what was stored "later" worthless: nothing may live on for longer than
    /// it was given because somebody corrected the time.
    private static var backwardsTolerance: Duration { .seconds(1) }

    private let capacity: Int
    private let maxCost: Int
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var positions: [String: Int] = [:]
    private var newest = -1
    private var oldest = -1
    /// The sum of all costs.
    package private(set) var cost = 0

    /// - Parameters:
    ///   - capacity: Most values, positive.
    ///   - maxCost: Greatest sum of costs.
    package init(capacity: Int, maxCost: Int = .max) {
        precondition(capacity > 0 && maxCost > 0, "a store holds something")
        self.capacity = capacity
        self.maxCost = maxCost
    }

    /// How many values are held, those included that have expired unnoticed.
    package var count: Int { positions.count }

    /// The value and its end; nil when there is none or its time is up.
    package mutating func entry(_ key: String, at now: Timestamp) -> (value: Value, end: Timestamp)? {
        guard let position = positions[key] else { return nil }
        let slot = slots[position]
        guard now < slot.end, now + Self.backwardsTolerance >= slot.storedAt, let value = slot.value else {
            remove(at: position)
            return nil
        }
        if position != newest {
            unlink(position)
            linkNewest(position)
        }
        return (value, slot.end)
    }

    /// Stores a value until `end`. One that costs more than everything may is not stored, and what it would have
    /// replaced is gone.
    package mutating func set(
        _ key: String, _ value: Value, cost: Int = 1, at now: Timestamp, until end: Timestamp
    ) {
        if let position = positions[key] { remove(at: position) }
        guard cost <= maxCost, now < end else { return }
        while positions.count >= capacity || self.cost > maxCost - cost { remove(at: oldest) }
        let slot = Slot(
            key: key, value: value, cost: cost, storedAt: now, end: end, newer: -1, older: -1)
        let position: Int
        if let reused = free.popLast() {
            position = reused
            slots[position] = slot
        } else {
            position = slots.count
            slots.append(slot)
        }
        positions[key] = position
        self.cost += cost
        linkNewest(position)
    }

    /// Forgets a value; whether there was one that had not expired.
    @discardableResult
    package mutating func remove(_ key: String, at now: Timestamp) -> Bool {
        guard let position = positions[key] else { return false }
        let wasAlive = now < slots[position].end
        remove(at: position)
        return wasAlive
    }

    /// Forgets the values of the keys that the condition picks, and returns these keys. Looks at every one.
    package mutating func removeAll(where condition: (String) -> Bool) -> [String] {
        let keys = positions.keys.filter(condition)
        for key in keys { if let position = positions[key] { remove(at: position) } }
        return keys
    }

    /// Forgets everything.
    package mutating func removeAll() {
        self = ExpiringStore(capacity: capacity, maxCost: maxCost)
    }

    private mutating func remove(at position: Int) {
        unlink(position)
        positions[slots[position].key] = nil
        cost -= slots[position].cost
        slots[position].key = ""
        slots[position].value = nil
        free.append(position)
    }

    private mutating func linkNewest(_ position: Int) {
        slots[position].older = newest
        slots[position].newer = -1
        if newest >= 0 { slots[newest].newer = position } else { oldest = position }
        newest = position
    }

    private mutating func unlink(_ position: Int) {
        let (newer, older) = (slots[position].newer, slots[position].older)
        if newer >= 0 { slots[newer].older = older } else { newest = older }
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    }
}
