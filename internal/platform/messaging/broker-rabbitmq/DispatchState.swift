import SoukBroker
import Synchronization

/// What a subscription holds, and what it may give out: a pure state machine. Times are the caller's.
///
/// Messages of a key are given out one at a time, in the order of their coming; one that is refused stays at the
/// head of its key, and other keys go on. At most `prefetch` are given out at once.
struct DispatchState {
    typealias Instant = ContinuousClock.Instant

    /// A queue that is being read through a channel. Reading it anew makes a new lane, so what was settled too late
    /// finds no lane.
    struct LaneID: Hashable, Sendable {
        let number: Int
    }

    struct Entry {
        let lane: LaneID
        let tag: UInt64
        let topic: String
        let message: BrokerMessage
        let position: Int64
        /// The deliveries before the next one.
        var deliveries: Int
    }

    /// Where to acknowledge.
    struct Acknowledgement: Sendable, Hashable {
        let lane: LaneID
        let tag: UInt64
    }

    enum Settled: Equatable {
        /// Not in the member's hands any more.
        case stale
        case acknowledge(Acknowledgement)
        /// It will be given out again, at the time if there is one.
        case again(at: Instant?)
    }

    private struct Key: Hashable {
        let lane: LaneID
        let key: String
    }

    private let prefetch: Int
    private var ready: Fifo<Entry> = Fifo()
    /// For each key with a message that is ready, given out or delayed: its others.
    private var behind: [Key: Fifo<Entry>] = [:]
    private var delayed: [(due: Instant, entry: Entry)] = []
    private var given: [UInt64: Entry] = [:]
    private var lastID: UInt64 = 0

    init(prefetch: Int) {
        self.prefetch = prefetch
    }

    /// Messages held of each topic.
    var held: [String: Int] {
        var counts: [String: Int] = [:]
        for entry in given.values { counts[entry.topic, default: 0] += 1 }
        for (_, entry) in delayed { counts[entry.topic, default: 0] += 1 }
        ready.forEach { counts[$0.topic, default: 0] += 1 }
        for queue in behind.values { queue.forEach { counts[$0.topic, default: 0] += 1 } }
        return counts
    }

    mutating func arrived(_ entry: Entry) {
        guard !entry.message.key.isEmpty else { return ready.append(entry) }
        let key = Key(lane: entry.lane, key: entry.message.key)
        if behind[key] == nil {
            behind[key] = Fifo()
            ready.append(entry)
        } else {
            behind[key]?.append(entry)
        }
    }

    var canGive: Bool { given.count < prefetch && !ready.isEmpty }

    /// The next message to give out, with the id to settle it by.
    mutating func give() -> (id: UInt64, entry: Entry)? {
        guard canGive, var entry = ready.popFirst() else { return nil }
        entry.deliveries += 1
        lastID += 1
        given[lastID] = entry
        return (lastID, entry)
    }

    mutating func settle(_ id: UInt64, _ settlement: Delivery.Settlement, now: Instant) -> Settled {
        guard let entry = given.removeValue(forKey: id) else { return .stale }
        switch settlement {
        case .ack:
            advance(entry)
            return .acknowledge(Acknowledgement(lane: entry.lane, tag: entry.tag))
        case .nack(let delay) where delay > .zero:
            let due = now + delay
            let index = delayed.firstIndex { $0.due > due } ?? delayed.endIndex
            delayed.insert((due, entry), at: index)
            return .again(at: due)
        case .nack:
            ready.append(entry)
            return .again(at: nil)
        }
    }

    /// The key's next message takes its turn.
    private mutating func advance(_ entry: Entry) {
        guard !entry.message.key.isEmpty else { return }
        let key = Key(lane: entry.lane, key: entry.message.key)
        if let next = behind[key]?.popFirst() {
            ready.append(next)
        } else {
            behind[key] = nil
        }
    }

    var earliestDue: Instant? { delayed.first?.due }

    /// Makes ready what has waited long enough.
    mutating func promote(now: Instant) {
        let count = delayed.prefix { $0.due <= now }.count
        for (_, entry) in delayed.prefix(count) { ready.append(entry) }
        delayed.removeFirst(count)
    }

    /// Forgets everything of a lane: the server gives it to whoever reads the queue next.
    mutating func drop(_ lane: LaneID) {
        ready.removeAll { $0.lane == lane }
        behind = behind.filter { $0.key.lane != lane }
        delayed.removeAll { $0.entry.lane == lane }
        given = given.filter { $0.value.lane != lane }
    }
}

/// A queue over an array that gives back its room now and then.
struct Fifo<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head == elements.count || head > 64 && head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    func forEach(_ body: (Element) -> Void) {
        for case .some(let element) in elements[head...] { body(element) }
    }

    mutating func removeAll(where isGone: (Element) -> Bool) {
        elements = elements[head...].filter { $0.map { !isGone($0) } ?? false }
        head = 0
    }
}
