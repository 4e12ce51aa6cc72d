import SoukBroker
import Testing

@testable import SoukBrokerKafka

struct GroupStateTests {
    private let now = ContinuousClock.now

    // MARK: - Commits

    @Test func `commits nothing beyond what is not acknowledged, in whatever order the rest is`() {
        let group = Group(at: now)
        let member = group.join()
        group.append((5..<8).map { ($0, "k\($0)") })
        let taken = (0..<3).compactMap { _ in group.take(member) }
        #expect(taken.map(\.handle.offset) == [5, 6, 7])
        #expect(group.settle(taken[2], .ack))
        #expect(group.settle(taken[1], .ack))
        #expect(group.commits.isEmpty)
        #expect(group.settle(taken[0], .ack))
        #expect(group.commits == [Group.partition: 8])
        #expect(group.commits.isEmpty, "what was committed is not committed again")
        group.state.commitFailed([Group.partition])
        #expect(group.commits == [Group.partition: 8])
    }

    @Test(arguments: [Duration.zero, .seconds(1)])
    func `a refused message holds back the commit until it is acknowledged`(delay: Duration) {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, ""), (1, ""), (2, "")])
        let taken = (0..<3).compactMap { _ in group.take(member) }
        #expect(group.settle(taken[0], .ack))
        #expect(group.settle(taken[1], .nack(after: delay)))
        #expect(group.settle(taken[2], .ack))
        #expect(group.commits == [Group.partition: 1])
        group.state.promoteDue(now: now + delay)
        #expect(group.take(member).map { group.settle($0, .ack) } == true)
        #expect(group.commits == [Group.partition: 3])
    }

    // MARK: - Keys

    @Test func `delivers a key one message at a time, other keys and messages without one meanwhile`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, "a"), (1, "a"), (2, "b"), (3, ""), (4, ""), (5, "a")])
        let first = group.takeAll(member)
        #expect(first.map(\.handle.offset) == [0, 2, 3, 4])
        #expect(group.settle(first[2], .ack))
        #expect(group.settle(first[1], .ack))
        #expect(group.take(member) == nil, "acknowledging another key opens nothing")
        #expect(group.settle(first[0], .ack))
        let second = group.takeAll(member)
        #expect(second.map(\.handle.offset) == [1], "one message of the key, not all of them")
        #expect(group.settle(second[0], .ack))
        #expect(group.takeAll(member).map(\.handle.offset) == [5])
    }

    @Test func `holds back a key behind what waits for redelivery, and no other`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, "a"), (1, "a"), (2, "b")])
        let first = group.take(member)
        #expect(first?.handle.offset == 0)
        #expect(first.map { group.settle($0, .nack(after: .seconds(1))) } == true)
        #expect(group.takeAll(member).map(\.handle.offset) == [2])
        #expect(group.state.nextDue == now + .seconds(1))
        group.state.promoteDue(now: now + .milliseconds(999))
        #expect(group.take(member) == nil)
        group.state.promoteDue(now: now + .seconds(1))
        let again = group.takeAll(member)
        #expect(again.map(\.handle.offset) == [0])
        #expect(again.first?.deliveryCount == 2)
    }

    @Test func `redelivers each message at its own time`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, "a"), (1, "b"), (2, "c")])
        for (taken, seconds) in zip(group.takeAll(member), [3, 1, 2]) {
            #expect(group.settle(taken, .nack(after: .seconds(seconds))))
        }
        for (seconds, offset) in [(1, 1), (2, 2), (3, 0)] as [(Int, Int64)] {
            #expect(group.state.nextDue == now + .seconds(seconds))
            group.state.promoteDue(now: now + .seconds(seconds))
            #expect(group.takeAll(member).map(\.handle.offset) == [offset])
        }
        #expect(group.state.nextDue == nil)
    }

    @Test func `what is refused or left by a member comes again before its successors, in order`() {
        let group = Group(at: now)
        let (leaving, staying) = (group.join(), group.join())
        group.append([(0, "a"), (1, "b"), (2, "a"), (3, "c")])
        #expect(group.take(leaving)?.handle.offset == 0)
        #expect(group.take(leaving)?.handle.offset == 1)
        _ = group.state.removeMember(leaving)
        #expect(group.takeAll(staying).map(\.handle.offset) == [0, 1, 3])
    }

    // MARK: - Stale deliveries

    @Test func `settles a delivery once`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, "a"), (1, "a")])
        let taken = group.takeAll(member)
        #expect(group.settle(taken[0], .ack))
        #expect(!group.settle(taken[0], .ack))
        #expect(!group.settle(taken[0], .nack(after: .zero)))
        #expect(group.state.inFlight([Group.partition]) == 0)
        #expect(group.takeAll(member).map(\.handle.offset) == [1])
    }

    @Test func `makes stale what is in hand of a partition that went to others`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, "a")])
        let taken = group.takeAll(member)
        group.state.stopDelivering([Group.partition])
        #expect(group.state.inFlight([Group.partition]) == 1)
        group.state.removePartitions([Group.partition])
        #expect(!group.settle(taken[0], .ack))
        #expect(group.state.bytes == 0)
        // The same offset again, when the partition comes back: the old delivery is not its.
        group.state.addPartitions([Group.partition])
        group.append([(0, "a")])
        #expect(group.takeAll(member).map(\.deliveryCount) == [1])
        #expect(!group.settle(taken[0], .ack))
        #expect(group.commits.isEmpty)
        #expect(group.state.inFlight([Group.partition]) == 1)
    }

    @Test func `makes stale what a member held that left, also when another has it now`() {
        let group = Group(at: now)
        let (leaving, staying) = (group.join(), group.join())
        group.append([(0, "a")])
        let old = group.takeAll(leaving)
        _ = group.state.removeMember(leaving)
        let new = group.takeAll(staying)
        #expect(new.map(\.deliveryCount) == [2])
        #expect(!group.settle(old[0], .ack))
        #expect(group.commits.isEmpty)
        #expect(group.settle(new[0], .ack))
        #expect(group.commits == [Group.partition: 1])
    }

    @Test func `delivers nothing of a partition that is being given up, and takes what is settled yet`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(0, ""), (1, "")])
        let taken = group.take(member)
        group.state.stopDelivering([Group.partition])
        #expect(group.take(member) == nil)
        #expect(taken.map { group.settle($0, .ack) } == true)
        #expect(group.commits == [Group.partition: 1])
    }

    @Test func `takes a record once that was read twice`() {
        let group = Group(at: now)
        let member = group.join()
        group.append([(3, ""), (4, "")])
        group.append([(3, ""), (4, ""), (5, "")])
        #expect(group.takeAll(member).map(\.handle.offset) == [3, 4, 5])
    }

    // MARK: - Bounds

    @Test func `a member holds no more than its prefetch`() {
        let group = Group(at: now)
        let member = group.join(prefetch: 2)
        group.append((0..<5).map { ($0, "") })
        let taken = group.takeAll(member)
        #expect(taken.count == 2)
        #expect(group.settle(taken[0], .ack))
        #expect(group.takeAll(member).map(\.handle.offset) == [2])
    }

    @Test func `reads no further than its bounds, and goes on when there is room`() {
        let group = Group(at: now, messages: 3, bytes: 100)
        let member = group.join()
        group.append((0..<3).map { ($0, "k") }, size: 10)
        #expect(group.room == 0)
        #expect(group.take(member).map { group.settle($0, .ack) } == true)
        #expect(group.room == 1)
    }

    @Test func `reads on when what was too large is done`() {
        let group = Group(at: now, bytes: 100)
        let member = group.join()
        group.append([(0, "k")], size: 200)
        #expect(group.room == 0)
        #expect(group.take(member).map { group.settle($0, .ack) } == true)
        #expect(group.room == 100)
        #expect(group.state.bytes == 0)
    }

    @Test func `a partition that holds nothing reads one message though others hold too much`() {
        let group = Group(at: now, bytes: 10)
        let other = PartitionID(topic: "t", partition: 1)
        group.state.addPartitions([other])
        group.append([(0, "k")], size: 50)
        #expect(group.room == 0)
        #expect(group.state.room(in: other) == 1)
    }
}

/// A group that has one partition, of which a test is the broker and all members.
private final class Group {
    typealias State = GroupState<Int>

    static let partition = PartitionID(topic: "t", partition: 0)
    private let now: ContinuousClock.Instant
    var state: State

    init(at now: ContinuousClock.Instant, messages: Int = 100, bytes: Int = 1 << 20) {
        self.now = now
        state = State(limits: State.Limits(messages: messages, bytes: bytes))
        state.addPartitions([Self.partition])
    }

    func join(prefetch: Int = 10) -> State.MemberID {
        state.addMember(topics: [Self.partition.topic], prefetch: prefetch)
    }

    func append(_ messages: [(offset: Int64, key: String)], size: Int = 1) {
        let payload = [UInt8](repeating: 0, count: size)
        _ = state.append(
            messages.map { ($0.offset, BrokerMessage(id: "", key: $0.key, payload: payload)) },
            to: Self.partition)
    }

    func take(_ member: State.MemberID) -> State.Assignment? {
        guard case .deliver(let assignment) = state.next(member, number: 0, waiter: 0) else { return nil }
        return assignment
    }

    /// What the member gets without settling anything.
    func takeAll(_ member: State.MemberID) -> [State.Assignment] {
        Array(sequence(state: ()) { _ in self.take(member) })
    }

    func settle(_ assignment: State.Assignment, _ settlement: Delivery.Settlement) -> Bool {
        state.settle(assignment.handle, of: assignment.member, settlement, now: now)
    }

    /// What is to be committed since the last time.
    var commits: [PartitionID: Int64] { state.takeCommits() }

    var room: Int { state.room(in: Self.partition) }
}
