import SoukBroker
import SoukTesting
import SoukTime
import Testing

@testable import SoukBrokerEmbedded

@Suite struct TopicCursorTests {
    private static func message(_ position: Int64, key: String) -> BrokerMessage {
        BrokerMessage(id: "m\(position)", key: key, payload: [])
    }

    /// A log in memory, and a cursor over it.
    private struct Reader {
        let keys: [String]
        var cursor: TopicCursor
        var lastTag: UInt64 = 0
        var loads: [TopicCursor.Load] = []

        init(keys: [String], limits: TopicCursor.Limits = .init(), position: Int64 = 0) {
            self.keys = keys
            cursor = TopicCursor(position: position, end: Int64(keys.count), limits: limits)
        }

        mutating func load() {
            while let load = cursor.startLoad() {
                loads.append(load)
                switch load {
                case .range(let from, let limit):
                    let positions = (from..<Int64(keys.count)).prefix(limit)
                    cursor.loaded(
                        positions.map { ($0, TopicCursorTests.message($0, key: keys[Int($0)])) },
                        limit: limit,
                        end: Int64(keys.count))
                case .bodies(let positions):
                    let messages = positions.map { ($0, TopicCursorTests.message($0, key: keys[Int($0)])) }
                    cursor.loadedBodies(positions, Dictionary(uniqueKeysWithValues: messages))
                }
            }
        }

        mutating func take() -> TopicCursor.Taken? {
            load()
            lastTag += 1
            return cursor.take(tag: lastTag)
        }

        mutating func takeAll() -> [Int64] {
            var positions: [Int64] = []
            while let taken = take() { positions.append(taken.position) }
            return positions
        }
    }

    @Test func `only the first message of each key is delivered`() {
        var reader = Reader(keys: ["a", "a", "b", "a", "c", "b"])
        #expect(reader.takeAll() == [0, 2, 4])
        reader.cursor.ack(0)
        #expect(reader.takeAll() == [1])
        reader.cursor.ack(2)
        #expect(reader.takeAll() == [5])
    }

    @Test func `messages without a key wait for nobody`() {
        var reader = Reader(keys: ["", "", ""])
        #expect(reader.takeAll() == [0, 1, 2])
    }

    @Test func `the watermark is the first message that is not acknowledged`() {
        var reader = Reader(keys: ["a", "b", "c", "d"])
        #expect(reader.takeAll() == [0, 1, 2, 3])
        var watermarks: [Int64] = []
        for position: Int64 in [2, 0, 3, 1] {
            reader.cursor.ack(position)
            watermarks.append(reader.cursor.watermark)
        }
        #expect(watermarks == [0, 1, 1, 4])
        #expect(reader.cursor.lag == 0)
    }

    @Test func `a delayed message holds back its key until it is due, and comes first then`() {
        let start = Timestamp(microseconds: 0)
        var reader = Reader(keys: ["a", "a", "b"])
        #expect(reader.takeAll() == [0, 2])
        reader.cursor.delay(0, until: start + .seconds(2))
        reader.cursor.promoteDue(now: start + .seconds(1))
        #expect(reader.takeAll() == [])
        #expect(reader.cursor.earliestDue == start + .seconds(2))
        reader.cursor.promoteDue(now: start + .seconds(2))
        let taken = reader.take()
        #expect(taken?.position == 0)
        #expect(taken?.deliveryCount == 2)
    }

    @Test func `the group gets at most a window ahead of a blocked message`() {
        let keys = ["blocked"] + (1..<100).map { "k\($0)" }
        var reader = Reader(keys: keys, limits: .init(window: 20, bodies: 10, batch: 7, lowWater: 3))
        #expect(reader.take()?.position == 0)
        var others: [Int64] = []
        while let taken = reader.take() {
            others.append(taken.position)
            reader.cursor.ack(taken.position)
        }
        #expect(others == Array(1..<20))
        #expect(reader.cursor.watermark == 0)
        reader.cursor.ack(0)
        #expect(reader.cursor.watermark == 20)
        #expect(reader.take()?.position == 20)
    }

    @Test func `messages behind a blocked one do not fill the memory`() {
        // Position 0 is blocked; 50 of its key follow, then others.
        let keys = Array(repeating: "blocked", count: 51) + (0..<20).map { "k\($0)" }
        var reader = Reader(keys: keys, limits: .init(window: 1_000, bodies: 5, batch: 8, lowWater: 4))
        #expect(reader.take()?.position == 0)
        for expected: Int64 in 51..<71 {
            let taken = reader.take()
            #expect(taken?.position == expected)
            reader.cursor.ack(expected)
        }
        reader.cursor.ack(0)
        var rest: [Int64] = []
        while let taken = reader.take() {
            #expect(taken.message.id == "m\(taken.position)")
            rest.append(taken.position)
            reader.cursor.ack(taken.position)
        }
        #expect(rest == Array(1..<51))
        #expect(reader.loads.contains { if case .bodies = $0 { true } else { false } })
        #expect(reader.cursor.watermark == 71)
    }

    @Test func `positions that were purged count as acknowledged`() {
        var cursor = TopicCursor(position: 3, end: 10)
        #expect(cursor.startLoad() == .range(from: 3, limit: 256))
        #expect(cursor.startLoad() == nil, "one load at a time")
        cursor.loaded([(7, Self.message(7, key: "a"))], limit: 256, end: 10)
        #expect(cursor.watermark == 7)
        #expect(cursor.take(tag: 1)?.position == 7)
        cursor.ack(7)
        #expect(cursor.watermark == 10)
        #expect(!cursor.needsLoad)
    }

    @Test func `a failed load is tried again`() {
        var cursor = TopicCursor(position: 0, end: 1)
        #expect(cursor.startLoad() != nil)
        cursor.loadFailed()
        #expect(cursor.startLoad() == .range(from: 0, limit: 256))
    }

    /// Random work against a plain model: one message of a key at a time, in order, all of them in the end,
    /// and nothing unacknowledged below the watermark.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `random work keeps order and watermark`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = 300
        let keys = (0..<count).map { _ in ["", "a", "b", "c", "d", "e"].randomElement(using: &random) ?? "" }
        var reader = Reader(
            keys: keys,
            limits: .init(
                window: Int64.random(in: 20...400, using: &random),
                bodies: .random(in: 1...30, using: &random),
                batch: .random(in: 1...40, using: &random), lowWater: .random(in: 1...20, using: &random)))
        var now = Timestamp(microseconds: 0)
        var inFlight: [Int64] = []
        var acked: Set<Int64> = []
        var lastOfKey: [String: Int64] = [:]
        var deliveries: [Int64: Int] = [:]
        var steps = 0
        while acked.count < count, steps < 20_000 {
            steps += 1
            now = now + .milliseconds(1)
            reader.cursor.promoteDue(now: now)
            if inFlight.count < 8, Bool.random(using: &random), let taken = reader.take() {
                let key = keys[Int(taken.position)]
                #expect(taken.message.id == "m\(taken.position)")
                deliveries[taken.position, default: 0] += 1
                #expect(taken.deliveryCount == deliveries[taken.position])
                #expect(!acked.contains(taken.position))
                if !key.isEmpty {
                    #expect(!inFlight.contains { keys[Int($0)] == key }, "two of a key at a time")
                    #expect(lastOfKey[key, default: -1] < taken.position, "out of order")
                }
                inFlight.append(taken.position)
            } else if let index = inFlight.indices.randomElement(using: &random) {
                let position = inFlight.remove(at: index)
                switch Int.random(in: 0..<10, using: &random) {
                case 0: reader.cursor.release(position)
                case 1:
                    reader.cursor.delay(
                        position, until: now + .milliseconds(.random(in: 1...20, using: &random)))
                default:
                    reader.cursor.ack(position)
                    acked.insert(position)
                    lastOfKey[keys[Int(position)]] = position
                }
            }
            let first = (0..<Int64(count)).first { !acked.contains($0) } ?? Int64(count)
            #expect(reader.cursor.watermark <= first)
            #expect(reader.cursor.lag == count - acked.count)
        }
        #expect(acked.count == count)
        #expect(reader.cursor.watermark == Int64(count))
    }

    @Test func `the due queue gives back in order of time`() {
        var random = SeededGenerator(seed: 7)
        var queue = DueQueue()
        let times = (0..<200).map { _ in Int64.random(in: 0..<100, using: &random) }
        for (position, time) in times.enumerated() {
            queue.insert(Int64(position), due: Timestamp(microseconds: time))
        }
        #expect(queue.popDue(now: Timestamp(microseconds: -1)) == nil)
        var popped: [Int64] = []
        while let position = queue.popDue(now: Timestamp(microseconds: 100)) {
            popped.append(times[Int(position)])
        }
        #expect(popped == times.sorted())
    }

    @Test func `the queue keeps its order through both ends`() {
        var queue = FIFO<Int>()
        var model: [Int] = []
        for number in 0..<1_000 {
            if number % 5 == 3 {
                queue.prepend(number)
                model.insert(number, at: 0)
            } else {
                queue.append(number)
                model.append(number)
            }
            if number % 3 != 0 { #expect(queue.popFirst() == model.removeFirst()) }
            #expect(queue.count == model.count)
            #expect(queue.first == model.first)
        }
    }
}
