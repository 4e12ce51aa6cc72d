import SoukBroker

/// A partition of a topic.
struct PartitionID: Hashable, Comparable {
    let topic: String
    let partition: Int32

    static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
}

/// Where a group's offset and the log of a partition did not fit together.
enum OffsetMove: Equatable, Sendable {
    /// The topic was deleted and made again, or the log was cut: what is there is read from its beginning.
    case backward(from: Int64, to: Int64)
    /// Retention deleted messages that the group had not read.
    case forward(lost: Int, to: Int64)
}

/// How far a member is in one partition: which messages are held back behind their key, ready, in flight or
/// waiting for redelivery.
///
/// Messages of a key stand in a queue of which only the head may be delivered; acknowledging it moves the queue
/// on. Everything below the ``watermark`` is acknowledged: the offset to commit. What is acknowledged above it
/// is known in memory only.
struct PartitionCursor {
    typealias Instant = ContinuousClock.Instant

    struct Taken {
        let offset: Int64
        let message: BrokerMessage
        let deliveryCount: Int
    }

    private struct Entry {
        let message: BrokerMessage
        let size: Int
        var deliveries = 0
    }

    /// Reads on while fewer messages than this are ready.
    static let lowWater = 64

    /// The furthest offset read, plus one; nil before the first message.
    private(set) var fetched: Int64?
    /// The offset that the group had committed before this cursor; nil where it is not known.
    private let committedBefore: Int64?
    /// Bytes of the messages that are not acknowledged.
    private(set) var bytes = 0
    private(set) var inFlight = 0
    /// Being given up: nothing more is delivered.
    var isLeaving = false
    private let maximumMessages: Int
    private var entries: [Int64: Entry] = [:]
    /// Offsets in order, acknowledged ones among them; begins with one that is not.
    private var order = OffsetQueue()
    private var keys: [String: OffsetQueue] = [:]
    private var ready = OffsetQueue()
    /// By due time, the earliest last.
    private var delayed: [(due: Instant, offset: Int64)] = []
    /// Where the cursor began, and the last offset that was taken to be committed.
    private var first: Int64?
    private var committed: Int64?

    init(maximumMessages: Int, committed: Int64? = nil) {
        self.maximumMessages = maximumMessages
        committedBefore = committed
    }

    /// Everything below is acknowledged; nil before the first message.
    var watermark: Int64? { order.first ?? fetched }
    /// Messages read and not acknowledged.
    var unacknowledged: Int { entries.count }
    var hasReady: Bool { !ready.isEmpty && !isLeaving }
    var earliestDue: Instant? { delayed.last?.due }

    /// How many more messages to read now.
    var room: Int {
        guard !isLeaving, ready.count < Self.lowWater else { return 0 }
        return max(0, maximumMessages - order.count)
    }

    /// How the log differs from where the cursor would read on, if the next message has this offset.
    ///
    /// A gap alone is no move: compaction and transactions leave offsets out.
    ///
    /// - Parameter logStart: Where the partition begins, as far as it is known.
    func move(to offset: Int64, logStart: Int64?) -> OffsetMove? {
        guard let position = fetched ?? committedBefore else { return nil }
        if offset < position { return .backward(from: position, to: offset) }
        let start = min(offset, logStart ?? position)
        return start > position ? .forward(lost: Int(start - position), to: start) : nil
    }

    /// Forgets everything: the log was made again, and offsets mean other messages.
    mutating func restart() {
        let isLeaving = isLeaving
        self = PartitionCursor(maximumMessages: maximumMessages)
        self.isLeaving = isLeaving
    }

    /// A message read from the partition, in ascending order.
    mutating func append(_ message: BrokerMessage, at offset: Int64) {
        if first == nil {
            first = offset
            committed = offset
        }
        fetched = offset + 1
        order.append(offset)
        let size = message.size
        bytes += size
        entries[offset] = Entry(message: message, size: size)
        guard !message.key.isEmpty else { return ready.append(offset) }
        let isHead = keys[message.key] == nil
        keys[message.key, default: OffsetQueue()].append(offset)
        if isHead { ready.append(offset) }
    }

    // MARK: - Delivery

    /// Puts the next message that is ready in flight; ``hasReady`` says whether it may be. Who has it settles it
    /// once: by ``ack(_:)``, ``delay(_:until:)`` or ``release(_:)``.
    mutating func take() -> Taken? {
        guard let offset = ready.popFirst(), var entry = entries[offset] else { return nil }
        entry.deliveries += 1
        entries[offset] = entry
        inFlight += 1
        return Taken(offset: offset, message: entry.message, deliveryCount: entry.deliveries)
    }

    /// Settles a message in flight for good.
    mutating func ack(_ offset: Int64) {
        guard let entry = entries.removeValue(forKey: offset) else { return }
        inFlight -= 1
        bytes -= entry.size
        let key = entry.message.key
        if !key.isEmpty {
            _ = keys[key]?.popFirst()
            if let next = keys[key]?.first { ready.append(next) } else { keys[key] = nil }
        }
        while let first = order.first, entries[first] == nil { _ = order.popFirst() }
    }

    /// Delivers a message in flight again at `due`; its key stays behind it.
    mutating func delay(_ offset: Int64, until due: Instant) {
        inFlight -= 1
        let index = delayed.firstIndex { $0.due <= due } ?? delayed.endIndex
        delayed.insert((due, offset), at: index)
    }

    /// Delivers a message in flight again as soon as possible, before others.
    mutating func release(_ offset: Int64) {
        inFlight -= 1
        ready.prepend(offset)
    }

    /// Makes ready what has waited long enough.
    mutating func promoteDue(now: Instant) {
        while let next = delayed.last, next.due <= now {
            delayed.removeLast()
            ready.append(next.offset)
        }
    }

    // MARK: - Commits

    /// The offset to commit, if it moved since it was last taken.
    mutating func takeCommit() -> Int64? {
        guard let watermark, let committed, watermark > committed else { return nil }
        self.committed = watermark
        return watermark
    }

    /// The commit did not come through: the offset is to be taken again.
    mutating func commitFailed() {
        committed = first
    }
}

/// Offsets, first in, first out, with constant-time ends.
struct OffsetQueue {
    private var storage: [Int64] = []
    private var head = 0

    var isEmpty: Bool { head == storage.count }
    var count: Int { storage.count - head }
    var first: Int64? { isEmpty ? nil : storage[head] }

    mutating func append(_ offset: Int64) {
        storage.append(offset)
    }

    mutating func prepend(_ offset: Int64) {
        if head > 0 {
            head -= 1
            storage[head] = offset
        } else {
            storage.insert(offset, at: 0)
        }
    }

    mutating func popFirst() -> Int64? {
        guard head < storage.count else { return nil }
        let offset = storage[head]
        head += 1
        // Moving what is left costs at most as much as the pops since the last time.
        if head >= 32, head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
        return offset
    }
}
