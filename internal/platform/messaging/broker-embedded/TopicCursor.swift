import SoukBroker
import SoukTime

/// How far one group is in one topic: which messages are loaded, held back, ready, in flight or waiting for
/// redelivery.
///
/// Messages of a key stand in a queue of which only the head may be delivered; acknowledging it moves the
/// queue on. Everything below the ``watermark`` is acknowledged: the next position to read after a restart.
///
/// Two bounds keep it small. At most ``Limits/bodies`` messages are held in memory besides the heads of the
/// keys; of the others only the position is kept, and the body is loaded again when its turn comes. At most
/// ``Limits/window`` positions lie between the watermark and the furthest message loaded: a message that
/// stays unacknowledged for so long that the group gets that far ahead of it makes the whole group wait for
/// it.
struct TopicCursor {
    struct Limits {
        var window: Int64 = 10_000
        var bodies = 1_024
        var batch = 256
        /// Loads more when fewer messages than this are ready.
        var lowWater = 64
    }

    /// What to read from the log.
    enum Load: Equatable {
        case range(from: Int64, limit: Int)
        case bodies([Int64])
    }

    struct Taken {
        let position: Int64
        let message: BrokerMessage
        let deliveryCount: Int
    }

    private enum State: Equatable {
        /// Behind another message of its key.
        case queued
        /// Next of its key, without its body.
        case bodyless
        case ready
        case inFlight(tag: UInt64)
        case delayed
    }

    private struct Entry {
        let key: String
        var message: BrokerMessage?
        var deliveries = 0
        var state: State
    }

    private let limits: Limits
    /// Everything below is acknowledged.
    private(set) var watermark: Int64
    /// The first position that was not loaded yet.
    private var fetched: Int64
    /// The first position that was not published yet.
    private var end: Int64
    private var entries: [Int64: Entry] = [:]
    /// Every loaded position at or above the watermark, ascending.
    private var order = FIFO<Int64>()
    private var keys: [String: FIFO<Int64>] = [:]
    private var ready = FIFO<Int64>()
    private var bodyless: [Int64] = []
    private var delayed = DueQueue()
    private var bodies = 0
    private var isLoading = false

    /// - Parameters:
    ///   - position: Where the group goes on.
    ///   - end: The first position that was not published yet.
    init(position: Int64, end: Int64, limits: Limits = Limits()) {
        self.limits = limits
        watermark = position
        fetched = position
        self.end = max(position, end)
    }

    /// Messages published and not acknowledged.
    var lag: Int { Int(end - fetched) + entries.count }

    var hasReady: Bool { !ready.isEmpty }

    var earliestDue: Timestamp? { delayed.earliest }

    mutating func published(upTo end: Int64) {
        self.end = max(self.end, end)
    }

    // MARK: - Loading

    /// What should be read next, if anything. Reserves it: one of `loaded`, `loadedBodies` or `loadFailed`
    /// must follow.
    mutating func startLoad() -> Load? {
        guard let load = neededLoad else { return nil }
        isLoading = true
        return load
    }

    var needsLoad: Bool { neededLoad != nil }

    private var neededLoad: Load? {
        guard !isLoading else { return nil }
        if !bodyless.isEmpty { return .bodies(Array(bodyless.prefix(limits.batch))) }
        let room = limits.window - (fetched - watermark)
        guard ready.count < limits.lowWater, fetched < end, room > 0 else { return nil }
        return .range(from: fetched, limit: min(limits.batch, Int(room)))
    }

    /// The answer to `.range`: the messages in ascending order, fewer than the limit only where the log has
    /// no more.
    mutating func loaded(_ messages: [(position: Int64, message: BrokerMessage)], limit: Int, end: Int64) {
        isLoading = false
        for (position, message) in messages where position >= fetched {
            append(position, message)
        }
        // Positions that the log no longer has were purged; a short answer reaches to the end known when it
        // was asked.
        let reached = messages.last.map { $0.position + 1 } ?? fetched
        fetched = max(fetched, messages.count < limit ? max(reached, end) : reached)
        self.end = max(self.end, fetched)
        advance()
    }

    /// The answer to `.bodies`. What is missing from it is gone from the log and counts as acknowledged.
    mutating func loadedBodies(_ asked: [Int64], _ messages: [Int64: BrokerMessage]) {
        isLoading = false
        bodyless.removeAll(where: Set(asked).contains)
        for position in asked {
            if let message = messages[position] {
                entries[position]?.message = message
                entries[position]?.state = .ready
                bodies += 1
                ready.append(position)
            } else {
                finish(position)
            }
        }
        advance()
    }

    mutating func loadFailed() {
        isLoading = false
    }

    private mutating func append(_ position: Int64, _ message: BrokerMessage) {
        order.append(position)
        let isHead = message.key.isEmpty || keys[message.key] == nil
        if !message.key.isEmpty { keys[message.key, default: FIFO()].append(position) }
        let keepsBody = isHead || bodies < limits.bodies
        if keepsBody { bodies += 1 }
        entries[position] = Entry(
            key: message.key, message: keepsBody ? message : nil, state: isHead ? .ready : .queued)
        if isHead { ready.append(position) }
    }

    // MARK: - Delivery

    mutating func take(tag: UInt64) -> Taken? {
        while let position = ready.popFirst() {
            guard var entry = entries[position], entry.state == .ready, let message = entry.message else {
                continue
            }
            entry.state = .inFlight(tag: tag)
            entry.deliveries += 1
            entries[position] = entry
            return Taken(position: position, message: message, deliveryCount: entry.deliveries)
        }
        return nil
    }

    /// Whether the delivery with this tag is still the caller's to settle.
    func isInFlight(_ position: Int64, tag: UInt64) -> Bool {
        entries[position]?.state == .inFlight(tag: tag)
    }

    mutating func ack(_ position: Int64) {
        finish(position)
        advance()
    }

    /// Delivers again at `due`; the key stays behind it.
    mutating func delay(_ position: Int64, until due: Timestamp) {
        guard entries[position] != nil else { return }
        entries[position]?.state = .delayed
        if bodies >= limits.bodies { dropBody(position) }
        delayed.insert(position, due: due)
    }

    /// Delivers again as soon as possible, before others.
    mutating func release(_ position: Int64) {
        guard entries[position] != nil else { return }
        entries[position]?.state = .ready
        ready.prepend(position)
    }

    /// Makes ready what has waited long enough.
    mutating func promoteDue(now: Timestamp) {
        while let position = delayed.popDue(now: now) { makeReady(position) }
    }

    private mutating func makeReady(_ position: Int64) {
        guard let entry = entries[position] else { return }
        if entry.message == nil {
            entries[position]?.state = .bodyless
            bodyless.append(position)
        } else {
            entries[position]?.state = .ready
            ready.append(position)
        }
    }

    private mutating func dropBody(_ position: Int64) {
        guard entries[position]?.message != nil else { return }
        entries[position]?.message = nil
        bodies -= 1
    }

    private mutating func finish(_ position: Int64) {
        dropBody(position)
        guard let entry = entries.removeValue(forKey: position), !entry.key.isEmpty else { return }
        _ = keys[entry.key]?.popFirst()
        if let next = keys[entry.key]?.first {
            makeReady(next)
        } else {
            keys[entry.key] = nil
        }
    }

    private mutating func advance() {
        while let first = order.first, entries[first] == nil { _ = order.popFirst() }
        watermark = order.first ?? fetched
    }
}
