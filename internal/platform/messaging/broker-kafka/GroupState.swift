import SoukBroker

/// A group's part in this process: its members here, what each holds, and the partitions that the group gave to
/// this process. Pure: it decides, `GroupConsumer` does.
struct GroupState<Waiter: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct MemberID: Hashable {
        let number: UInt64
    }

    struct Handle: Hashable {
        let partition: PartitionID
        let offset: Int64
        /// Tells deliveries of one message apart.
        let tag: UInt64
    }

    struct Assignment {
        let handle: Handle
        let member: MemberID
        let message: BrokerMessage
        let deliveryCount: Int
    }

    struct Limits {
        var messages: Int
        var bytes: Int
    }

    private struct Member {
        let topics: Set<String>
        let prefetch: Int
        /// What is in flight with it: nothing else may be settled.
        var held: Set<Handle> = []
    }

    private let limits: Limits
    private var cursors: [PartitionID: PartitionCursor] = [:]
    /// The partitions by turns, so that none starves another.
    private var turns: [PartitionID] = []
    private var turn = 0
    private var members: [MemberID: Member] = [:]
    private var waiters: [(number: UInt64, member: MemberID, waiter: Waiter)] = []
    private var lastNumber: UInt64 = 0
    private(set) var bytes = 0

    init(limits: Limits) {
        self.limits = limits
    }

    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    // MARK: - Members

    /// What the members read together.
    var topics: Set<String> { members.values.reduce(into: []) { $0.formUnion($1.topics) } }
    var isEmpty: Bool { members.isEmpty }

    mutating func addMember(topics: Set<String>, prefetch: Int) -> MemberID {
        let id = MemberID(number: nextNumber())
        members[id] = Member(topics: topics, prefetch: prefetch)
        return id
    }

    /// Gives what the member holds to the others; returns its waiters, which are to be told that it is closed.
    mutating func removeMember(_ id: MemberID) -> [Waiter] {
        guard let member = members.removeValue(forKey: id) else { return [] }
        // In descending order, because each goes to the front.
        for handle in member.held.sorted(by: { $0.offset > $1.offset }) {
            cursors[handle.partition]?.release(handle.offset)
        }
        let own = waiters.filter { $0.member == id }.map(\.waiter)
        waiters.removeAll { $0.member == id }
        return own
    }

    mutating func removeAllMembers() -> [Waiter] {
        Array(members.keys).flatMap { removeMember($0) }
    }

    // MARK: - Receiving

    enum Step {
        case deliver(Assignment)
        case wait
        case closed
    }

    /// A message for the member, or the waiter is kept until ``dispatch()`` names it.
    mutating func next(_ id: MemberID, number: UInt64, waiter: @autoclosure () -> Waiter) -> Step {
        guard members[id] != nil else { return .closed }
        if let assignment = assign(to: id) { return .deliver(assignment) }
        waiters.append((number, id, waiter()))
        return .wait
    }

    mutating func cancelWaiter(_ number: UInt64) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.number == number }) else { return nil }
        return waiters.remove(at: index).waiter
    }

    /// The waiters for which there is something now, in order of their arrival.
    mutating func dispatch() -> [(Waiter, Assignment)] {
        guard !waiters.isEmpty, cursors.values.contains(where: \.hasReady) else { return [] }
        var served: [(Waiter, Assignment)] = []
        let waiting = waiters
        waiters = []
        for waiter in waiting {
            if let assignment = assign(to: waiter.member) {
                served.append((waiter.waiter, assignment))
            } else {
                waiters.append(waiter)
            }
        }
        return served
    }

    private mutating func assign(to id: MemberID) -> Assignment? {
        guard let index = members.index(forKey: id),
            members.values[index].held.count < members.values[index].prefetch
        else { return nil }
        for step in turns.indices {
            let partition = turns[(turn + step) % turns.count]
            guard members.values[index].topics.contains(partition.topic),
                let cursor = cursors.index(forKey: partition), cursors.values[cursor].hasReady,
                let taken = cursors.values[cursor].take()
            else { continue }
            turn = (turn + step + 1) % turns.count
            let handle = Handle(partition: partition, offset: taken.offset, tag: nextNumber())
            // In place: a copy of the member would copy what it holds.
            members.values[index].held.insert(handle)
            return Assignment(
                handle: handle, member: id, message: taken.message, deliveryCount: taken.deliveryCount)
        }
        return nil
    }

    // MARK: - Settling

    /// False when the delivery is no longer the member's.
    mutating func settle(
        _ handle: Handle, of id: MemberID, _ settlement: Delivery.Settlement, now: Instant
    ) -> Bool {
        guard members[id]?.held.remove(handle) != nil else { return false }
        switch settlement {
        case .ack: change(handle.partition) { $0.ack(handle.offset) }
        case .nack(let delay) where delay > .zero:
            change(handle.partition) { $0.delay(handle.offset, until: now + delay) }
        case .nack: change(handle.partition) { $0.release(handle.offset) }
        }
        return true
    }

    /// Makes ready what has waited long enough.
    mutating func promoteDue(now: Instant) {
        for (partition, cursor) in cursors where cursor.earliestDue.map({ $0 <= now }) == true {
            cursors[partition]?.promoteDue(now: now)
        }
    }

    /// When the next redelivery is due.
    var nextDue: Instant? { cursors.values.compactMap(\.earliestDue).min() }

    /// Changes a cursor, and with it the sum of bytes.
    private mutating func change(_ partition: PartitionID, _ body: (inout PartitionCursor) -> Void) {
        guard let index = cursors.index(forKey: partition) else { return }
        bytes -= cursors.values[index].bytes
        body(&cursors.values[index])
        bytes += cursors.values[index].bytes
    }

    // MARK: - Partitions

    /// - Parameter committed: What the group has committed in them, where it is known.
    mutating func addPartitions(_ partitions: [PartitionID], committed: [PartitionID: Int64] = [:]) {
        for partition in partitions where cursors[partition] == nil {
            cursors[partition] = PartitionCursor(
                maximumMessages: limits.messages, committed: committed[partition])
        }
        turns = cursors.keys.sorted()
        turn = 0
    }

    /// Stops delivering from partitions that are to be given up.
    mutating func stopDelivering(_ partitions: [PartitionID]) {
        for partition in partitions { cursors[partition]?.isLeaving = true }
    }

    /// How many messages of the partitions are in the members' hands.
    func inFlight(_ partitions: [PartitionID]) -> Int {
        partitions.reduce(0) { $0 + (cursors[$1]?.inFlight ?? 0) }
    }

    /// Forgets partitions; what the members hold of them is stale.
    mutating func removePartitions(_ partitions: [PartitionID]) {
        let gone = Set(partitions)
        for partition in partitions {
            bytes -= cursors.removeValue(forKey: partition)?.bytes ?? 0
        }
        forgetHeld(of: gone)
        turns = cursors.keys.sorted()
        turn = 0
    }

    /// What members hold of the partitions is stale.
    private mutating func forgetHeld(of partitions: Set<PartitionID>) {
        for (id, member) in members {
            members[id]?.held = member.held.filter { !partitions.contains($0.partition) }
        }
    }

    var partitions: [PartitionID] { turns }

    /// Whether the members hold as many bytes as they may.
    var isFull: Bool { bytes >= limits.bytes }

    /// How many messages to read from the partition now. With too many bytes in hand a partition reads on one
    /// at a time, and only when it holds nothing: every partition goes on, none grows.
    func room(in partition: PartitionID) -> Int {
        guard let cursor = cursors[partition] else { return 0 }
        guard isFull else { return cursor.room }
        return cursor.unacknowledged == 0 ? min(1, cursor.room) : 0
    }

    /// Takes messages of a partition, in ascending order. Returns where the log did not go on at the group's offset;
    /// where it began again, what members hold of it is stale.
    mutating func append(
        _ messages: [(offset: Int64, message: BrokerMessage)], to partition: PartitionID,
        logStart: Int64? = nil
    ) -> [OffsetMove] {
        var moves: [OffsetMove] = []
        change(partition) { cursor in
            for (offset, message) in messages {
                if let move = cursor.move(to: offset, logStart: logStart) {
                    moves.append(move)
                    if case .backward = move { cursor.restart() }
                }
                cursor.append(message, at: offset)
            }
        }
        let isRestarted = moves.contains { if case .backward = $0 { true } else { false } }
        if isRestarted { forgetHeld(of: [partition]) }
        return moves
    }

    /// How far the group is here, beyond what it has committed: the offset after the last message read, and how
    /// many before it are not acknowledged.
    var progress: [PartitionID: (fetched: Int64, unacknowledged: Int)] {
        cursors.compactMapValues { cursor in cursor.fetched.map { ($0, cursor.unacknowledged) } }
    }

    // MARK: - Commits

    mutating func takeCommits(_ partitions: [PartitionID]? = nil) -> [PartitionID: Int64] {
        var commits: [PartitionID: Int64] = [:]
        for partition in partitions ?? turns {
            if let offset = cursors[partition]?.takeCommit() { commits[partition] = offset }
        }
        return commits
    }

    mutating func commitFailed(_ partitions: [PartitionID]) {
        for partition in partitions { cursors[partition]?.commitFailed() }
    }
}
