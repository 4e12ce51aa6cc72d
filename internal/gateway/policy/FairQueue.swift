import DequeModule

/// A queue with a lane per client. Lanes take turns, and who comes first within a lane is first: many entries of one client delay
/// others by no more than one. Not for concurrent use.
struct FairQueue<Lane: Hashable, Element> {
    /// Finds an entry again.
    struct Ticket: Equatable {
        fileprivate let lane: Lane
        fileprivate let number: UInt64
    }

    /// Lanes with at least one entry.
    private var lanes: [Lane: Deque<(number: UInt64, element: Element)>] = [:]
    /// Every lane of `lanes` once, the next to be served first.
    private var turns: Deque<Lane> = []
    private var numbers: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element, lane: Lane) -> Ticket {
        numbers += 1
        if lanes[lane] == nil { turns.append(lane) }
        lanes[lane, default: []].append((numbers, element))
        count += 1
        return Ticket(lane: lane, number: numbers)
    }

    /// Takes the first entry that is ready, of the next lane that has one; nil where none has.
    mutating func popFirst(where isReady: (Element) -> Bool) -> Element? {
        for _ in 0..<turns.count {
            let lane = turns.removeFirst()
            turns.append(lane)
            guard let index = lanes[lane]?.firstIndex(where: { isReady($0.element) }) else { continue }
            return remove(at: index, of: lane)
        }
        return nil
    }

    /// Takes an entry out; nil where it has left already.
    mutating func remove(_ ticket: Ticket) -> Element? {
        lanes[ticket.lane]?.firstIndex { $0.number == ticket.number }
            .flatMap { remove(at: $0, of: ticket.lane) }
    }

    /// A lane without entries is forgotten at once: there may be any number of lanes.
    private mutating func remove(at index: Int, of lane: Lane) -> Element? {
        let entry = lanes[lane]?.remove(at: index)
        count -= 1
        if lanes[lane]?.isEmpty ?? false {
            lanes[lane] = nil
            turns.removeAll { $0 == lane }
        }
        return entry?.element
    }
}
