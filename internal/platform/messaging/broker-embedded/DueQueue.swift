import SoukTime

/// Positions by the time at which they may be delivered again: a binary heap.
struct DueQueue {
    private var heap: [(due: Timestamp, position: Int64)] = []

    var earliest: Timestamp? { heap.first?.due }

    mutating func insert(_ position: Int64, due: Timestamp) {
        heap.append((due, position))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].due < heap[parent].due else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The position with the earliest time, if that has come.
    mutating func popDue(now: Timestamp) -> Int64? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].due < heap[least].due { least = child }
            }
            guard least != parent else { return first.position }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
