import SoukBroker
import Testing

@testable import SoukBrokerKafka

/// What counts as a move of the log, and what a cursor makes of it.
@Suite struct OffsetMoveTests {
    private func message(_ key: String = "k") -> BrokerMessage {
        BrokerMessage(id: "", key: key, payload: [])
    }

    @Test(
        arguments: [
            // Committed, offset, log start, move.
            (nil, 5, 5, nil), (nil, 5, nil, nil), (10, 10, 0, nil), (10, 10, nil, nil),
            // Compaction and transactions leave offsets out.
            (10, 12, 0, nil), (10, 12, nil, nil),
            (10, 0, 0, .backward(from: 10, to: 0)), (10, 9, nil, .backward(from: 10, to: 9)),
            (10, 15, 15, .forward(lost: 5, to: 15)), (10, 15, 12, .forward(lost: 2, to: 12)),
            // Retention went on meanwhile: what was read is not lost.
            (10, 15, 40, .forward(lost: 5, to: 15)), (10, 10, 40, nil),
        ] as [(Int64?, Int64, Int64?, OffsetMove?)])
    func move(committed: Int64?, offset: Int64, logStart: Int64?, expected: OffsetMove?) {
        let cursor = PartitionCursor(maximumMessages: 10, committed: committed)
        #expect(cursor.move(to: offset, logStart: logStart) == expected)
    }

    @Test func `a log that begins again is committed from its beginning`() {
        var cursor = PartitionCursor(maximumMessages: 10, committed: 100)
        cursor.restart()
        for offset in 0..<2 as Range<Int64> { cursor.append(message(), at: offset) }
        #expect(cursor.takeCommit() == nil)
        let taken = cursor.take()
        #expect(taken?.offset == 0)
        cursor.ack(0)
        #expect(cursor.takeCommit() == 1)
    }

    @Test func `what members hold of a log that began again is stale, and of other partitions is not`() throws
    {
        typealias State = GroupState<Int>
        let (moved, other) = (PartitionID(topic: "t", partition: 0), PartitionID(topic: "t", partition: 1))
        var state = State(limits: State.Limits(messages: 10, bytes: 1_000))
        state.addPartitions([moved, other])
        let member = state.addMember(topics: ["t"], prefetch: 10)
        #expect(state.append([(5, message("a"))], to: moved).isEmpty)
        #expect(state.append([(5, message("b"))], to: other).isEmpty)
        var held: [PartitionID: State.Handle] = [:]
        while case .deliver(let assignment) = state.next(member, number: 0, waiter: 0) {
            held[assignment.handle.partition] = assignment.handle
        }
        #expect(state.append([(0, message("a"))], to: moved) == [.backward(from: 6, to: 0)])
        let now = ContinuousClock.now
        #expect(!state.settle(try #require(held[moved]), of: member, .ack, now: now))
        #expect(state.settle(try #require(held[other]), of: member, .ack, now: now))
    }
}
