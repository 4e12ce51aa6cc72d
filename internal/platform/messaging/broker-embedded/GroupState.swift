import SoukBroker
import SoukTime

/// A group: its members, what each holds, and how far it is in each topic. Pure: it decides, `ConsumerGroup`
/// does.
struct GroupState {
    struct MemberID: Hashable {
        let number: UInt64
    }

    struct WaiterID: Hashable {
        let number: UInt64
    }

    struct Handle: Hashable {
        let topic: String
        let position: Int64
        let tag: UInt64
    }

    struct Assignment {
        let handle: Handle
        let message: BrokerMessage
        let deliveryCount: Int
    }

    /// What a member that asks for a message has to do.
    enum Step {
        case deliver(Assignment)
        /// Read this from the log, report it, and ask again.
        case load(topic: String, TopicCursor.Load, end: Int64)
        /// Suspend as this waiter until `takeWakeable` names it, and ask again.
        case wait
        case closed
    }

    struct Change: Equatable {
        let topic: String
        let position: Int64
    }

    private struct Member {
        let topics: [String]
        let prefetch: Int
        var held: Set<Handle> = []
        /// Where the search for the next message starts, so that no topic starves another.
        var turn = 0
    }

    /// Acknowledgements that are stored together at the latest, and how long the first of them waits.
    static let persistEvery = 100
    static let persistAfter: Duration = .milliseconds(200)

    private var cursors: [String: TopicCursor] = [:]
    private var ends: [String: Int64] = [:]
    private var persisted: [String: Int64] = [:]
    private var members: [MemberID: Member] = [:]
    private var waiters: [(id: WaiterID, member: MemberID)] = []
    private var lastNumber: UInt64 = 0
    private var unpersistedAcks = 0
    private var persistDue: Timestamp?

    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    // MARK: - Members

    func knows(_ topic: String) -> Bool { cursors[topic] != nil }

    /// Starts reading a topic where the log says the group is; `end` is what was published by then.
    mutating func addTopic(_ topic: String, position: Int64, end: Int64, limits: TopicCursor.Limits) {
        guard cursors[topic] == nil else { return }
        // More may have been published since the log was asked.
        let end = max(end, ends[topic] ?? 0)
        cursors[topic] = TopicCursor(position: position, end: end, limits: limits)
        persisted[topic] = position
        ends[topic] = end
    }

    mutating func addMember(topics: [String], prefetch: Int) -> MemberID {
        let id = MemberID(number: nextNumber())
        members[id] = Member(topics: topics, prefetch: prefetch)
        return id
    }

    /// Gives what the member holds to the others; returns its waiters, which are to be told that it is
    /// closed.
    mutating func removeMember(_ id: MemberID) -> [WaiterID] {
        guard let member = members.removeValue(forKey: id) else { return [] }
        // In descending order, because each goes to the front.
        for handle in member.held.sorted(by: { $0.position > $1.position }) {
            cursors[handle.topic]?.release(handle.position)
        }
        let own = waiters.filter { $0.member == id }.map(\.id)
        waiters.removeAll { $0.member == id }
        return own
    }

    /// Removes everybody; returns all waiters.
    mutating func removeAllMembers() -> [WaiterID] {
        members.keys.map { $0 }.flatMap { removeMember($0) }
    }

    // MARK: - Asking

    mutating func step(_ id: MemberID, waiter: WaiterID, now: Timestamp) -> Step {
        guard var member = members[id] else { return .closed }
        promoteDue(now: now)
        if member.held.count < member.prefetch {
            for index in member.topics.indices {
                let topic = member.topics[(member.turn + index) % member.topics.count]
                let tag = lastNumber + 1
                guard let taken = cursors[topic]?.take(tag: tag) else { continue }
                lastNumber = tag
                let handle = Handle(topic: topic, position: taken.position, tag: tag)
                member.held.insert(handle)
                member.turn = (member.turn + index + 1) % member.topics.count
                members[id] = member
                return .deliver(
                    Assignment(handle: handle, message: taken.message, deliveryCount: taken.deliveryCount))
            }
            for topic in member.topics {
                if let load = cursors[topic]?.startLoad() {
                    return .load(topic: topic, load, end: ends[topic] ?? 0)
                }
            }
        }
        waiters.append((waiter, id))
        return .wait
    }

    /// The waiter that should ask again, if there is something for it. Whoever asks calls this afterwards, so
    /// that one after the other is woken for as long as there is something to do.
    mutating func takeWakeable() -> WaiterID? {
        let index = waiters.firstIndex { waiter in
            guard let member = members[waiter.member] else { return true }
            guard member.held.count < member.prefetch else { return false }
            return member.topics.contains { topic in
                guard let cursor = cursors[topic] else { return false }
                return cursor.hasReady || cursor.needsLoad
            }
        }
        return index.map { waiters.remove(at: $0).id }
    }

    func isWaiting(_ id: WaiterID) -> Bool { waiters.contains { $0.id == id } }

    mutating func cancelWaiter(_ id: WaiterID) {
        waiters.removeAll { $0.id == id }
    }

    // MARK: - Log

    mutating func published(_ topic: String, upTo end: Int64) {
        ends[topic] = max(ends[topic] ?? 0, end)
        cursors[topic]?.published(upTo: end)
    }

    mutating func loaded(
        _ topic: String, _ messages: [(position: Int64, message: BrokerMessage)], limit: Int, end: Int64
    ) {
        cursors[topic]?.loaded(messages, limit: limit, end: end)
    }

    mutating func loadedBodies(_ topic: String, _ asked: [Int64], _ messages: [Int64: BrokerMessage]) {
        cursors[topic]?.loadedBodies(asked, messages)
    }

    mutating func loadFailed(_ topic: String) {
        cursors[topic]?.loadFailed()
    }

    var lags: [String: Int] { cursors.mapValues(\.lag) }

    // MARK: - Settling

    /// False when the delivery is no longer the member's.
    mutating func settle(
        _ handle: Handle, of id: MemberID, _ settlement: Delivery.Settlement, now: Timestamp
    ) -> Bool {
        guard members[id]?.held.remove(handle) != nil,
            cursors[handle.topic]?.isInFlight(handle.position, tag: handle.tag) == true
        else { return false }
        switch settlement {
        case .ack:
            cursors[handle.topic]?.ack(handle.position)
            unpersistedAcks += 1
            if persistDue == nil { persistDue = now + Self.persistAfter }
        case .nack(let delay) where delay > .zero:
            cursors[handle.topic]?.delay(handle.position, until: now + delay)
        case .nack:
            cursors[handle.topic]?.release(handle.position)
        }
        return true
    }

    /// Makes ready what has waited long enough.
    mutating func promoteDue(now: Timestamp) {
        for topic in cursors.keys { cursors[topic]?.promoteDue(now: now) }
    }

    /// When something happens by itself: a redelivery, or the storing of acknowledgements.
    var nextDeadline: Timestamp? {
        var deadline = persistDue
        for cursor in cursors.values {
            guard let due = cursor.earliestDue else { continue }
            deadline = deadline.map { min($0, due) } ?? due
        }
        return deadline
    }

    // MARK: - Storing

    func shouldPersist(now: Timestamp) -> Bool {
        unpersistedAcks >= Self.persistEvery || persistDue.map { $0 <= now } == true
    }

    /// The watermarks that moved since they were last taken.
    mutating func takeChanges() -> [Change] {
        unpersistedAcks = 0
        persistDue = nil
        var changes: [Change] = []
        for (topic, cursor) in cursors where cursor.watermark != persisted[topic] {
            persisted[topic] = cursor.watermark
            changes.append(Change(topic: topic, position: cursor.watermark))
        }
        return changes
    }

    /// The changes could not be stored: they are to be taken again later.
    mutating func restoreChanges(_ changes: [Change], now: Timestamp) {
        for change in changes { persisted[change.topic] = nil }
        if !changes.isEmpty { persistDue = now + Self.persistAfter }
    }
}
