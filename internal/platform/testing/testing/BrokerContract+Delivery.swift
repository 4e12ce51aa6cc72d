import Foundation
import SoukBroker
import Synchronization

extension BrokerContract {
    static let deliveryCases: [Case] = [
        Case("declares the capabilities that its fixture names") { fixture in
            try await fixture.withBroker { broker in
                try expectEqual(broker.capabilities.rawValue, fixture.capabilities.rawValue, "capabilities")
            }
        },

        Case("delivers id, key, headers and payload as they were published") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("metadata")
                let subscription = try await broker.subscribe(to: [topic], group: unique("g"))
                let published = [
                    BrokerMessage(
                        id: "a", key: "k", headers: ["ce_type": "x.v1", "ümlaut": "wörth"],
                        payload: [1, 0, 255]),
                    BrokerMessage(id: "b", key: "k", payload: []),
                    BrokerMessage(
                        id: "c", key: "k", headers: ["quote": "\"\\\n"],
                        payload: [UInt8](repeating: 7, count: 100_000)),
                ]
                try await broker.publish(published, to: topic)
                var last: Int64 = -1
                for message in published {
                    let delivery = try await next(subscription)
                    try expectEqual(delivery.message, message, "message")
                    try expectEqual(delivery.topic, topic, "topic")
                    try expectEqual(delivery.deliveryCount, 1, "delivery count")
                    try expect(delivery.position > last, "position \(delivery.position) after \(last)")
                    last = delivery.position
                    try await delivery.ack()
                }
            }
        },

        Case(
            "delivers many messages over many subscriptions, each to one of them",
            messages: { max(1, $0.scale / 2) }
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("many")
                let group = unique("g")
                // At full scale 5,000 over 50.
                let count = max(1, fixture.scale / 2)
                let members = max(2, min(50, count / 20))
                let tally = Tally(expecting: count)
                var subscriptions: [any BrokerSubscription] = []
                for _ in 0..<members {
                    subscriptions.append(
                        try await broker.subscribe(
                            to: [topic], group: group, options: SubscriptionOptions(prefetch: 10)))
                }
                let joined = subscriptions
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for subscription in joined {
                        tasks.addTask {
                            while let delivery = try await subscription.next() {
                                try await delivery.ack()
                                guard tally.count(try number(of: delivery)) else { continue }
                                for subscription in joined { await subscription.close() }
                            }
                        }
                    }
                    tasks.addTask { try await publish(unkeyed(0..<count), to: topic, on: broker) }
                    try await tasks.waitForAll()
                }
                try expectEqual(tally.missing, 0, "messages that nobody got")
                try expectEqual(tally.repeated, 0, "messages that came twice with nothing going wrong")
            }
        },

        Case("delivers again what was refused, counting") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("nack")
                let subscription = try await broker.subscribe(to: [topic], group: unique("g"))
                try await broker.publish(messages(0..<1), to: topic)
                for attempt in 1...4 {
                    let delivery = try await next(subscription)
                    try expectEqual(try number(of: delivery), 0, "redelivered message")
                    if fixture.capabilities.contains(.deliveryCount) {
                        try expectEqual(delivery.deliveryCount, attempt, "delivery count")
                    }
                    if attempt < 4 { try await delivery.nack() } else { try await delivery.ack() }
                }
                try await broker.publish(messages(1..<2), to: topic)
                try expectEqual(
                    try number(of: try await next(subscription)), 1, "message after the acknowledged one")
            }
        },

        Case("waits with a redelivery as long as it was asked to", needs: .delayedRedelivery) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("delay")
                let subscription = try await broker.subscribe(to: [topic], group: unique("g"))
                try await broker.publish(messages(0..<1), to: topic)
                let first = try await next(subscription)
                let start = ContinuousClock.now
                try await first.nack(after: .milliseconds(150))
                let second = try await next(subscription)
                let waited = ContinuousClock.now - start
                // Backends may time by the wall clock, which steps in milliseconds.
                try expect(waited >= .milliseconds(145), "redelivered after \(waited)")
                try await second.ack()
            }
        },

        Case("settles a delivery once") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("stale")
                let subscription = try await broker.subscribe(to: [topic], group: unique("g"))
                try await broker.publish(messages(0..<2), to: topic)
                let delivery = try await next(subscription)
                try await delivery.ack()
                for settle in [{ try await delivery.ack() }, { try await delivery.nack() }] {
                    do {
                        try await settle()
                        throw Violation(description: "settling twice was not refused")
                    } catch let error as BrokerError {
                        try expectEqual(error.reason, .staleDelivery, "reason")
                    }
                }
                try expectEqual(
                    try number(of: try await next(subscription)), 1, "message after the settled one")
            }
        },

        Case("gives a slow consumer no more than it may hold") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("pressure")
                let prefetch = 5
                let subscription = try await broker.subscribe(
                    to: [topic], group: unique("g"), options: SubscriptionOptions(prefetch: prefetch))
                let count = max(20, fixture.scale / 20)
                try await publish(unkeyed(0..<count), to: topic, on: broker)
                let tally = Tally(expecting: count)
                // It may hold several at once.
                let held = [try await next(subscription), try await next(subscription)]
                for delivery in held {
                    _ = tally.count(try number(of: delivery))
                    try await delivery.ack()
                }
                // More receivers than the member may hold messages: whoever has one keeps it until all that
                // could receive have.
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for _ in 0..<prefetch * 3 {
                        tasks.addTask {
                            while let delivery = try await subscription.next() {
                                let held = tally.take()
                                try expect(
                                    held <= prefetch, "\(held) messages held with a prefetch of \(prefetch)")
                                for _ in 0..<20 { await Task.yield() }
                                tally.putBack()
                                try await delivery.ack()
                                if tally.count(try number(of: delivery)) { await subscription.close() }
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
                try expectEqual(tally.missing, 0, "messages that never came")
            }
        },

        Case(
            "keeps a backlog out of the memory of a slow consumer", messages: largestBacklog
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("backlog")
                let count = largestBacklog(fixture)
                // More than this is held by a client that takes in the backlog of a full run (160 MB).
                let limit = 128 << 20
                let subscription = try await broker.subscribe(
                    to: [topic], group: unique("g"), options: SubscriptionOptions(prefetch: 4))
                let memory = residentBytes()
                var most = memory
                for start in stride(from: 0, to: count, by: 50) {
                    try await broker.publish(
                        (start..<min(start + 50, count)).map { number in
                            BrokerMessage(
                                id: "m\(number)", key: "k\(number % 16)",
                                payload: Array("\(number)".utf8)
                                    + [UInt8](repeating: 0x20, count: backlogMessageBytes))
                        },
                        to: topic)
                    most = max(most, residentBytes())
                }
                var nextOfKey = Dictionary(uniqueKeysWithValues: (0..<16).map { ("k\($0)", $0) })
                var received = 0
                while received < count {
                    let delivery = try await next(subscription)
                    let text = String(decoding: delivery.message.payload.prefix { $0 != 0x20 }, as: UTF8.self)
                    let number = Int(text) ?? -1
                    let key = delivery.message.key
                    let expected = nextOfKey[key, default: -1]
                    if number == expected {
                        nextOfKey[key] = expected + 16
                        received += 1
                    } else {
                        // A repetition; a message that was left out is none.
                        try expect(
                            fixture.failsRequests && number < expected,
                            "\(number) of \(key) in place of \(expected)")
                    }
                    most = max(most, residentBytes())
                    try await delivery.ack()
                }
                try expect(most - memory < limit, "the backlog took \((most - memory) >> 20) MB of memory")
            }
        },

        Case("loses no message to a receiver that stops waiting") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("cancel")
                // With a prefetch of 1 a message in the hands of a receiver that left would stop everything.
                let subscription = try await broker.subscribe(
                    to: [topic], group: unique("g"), options: SubscriptionOptions(prefetch: 1))
                for number in 0..<40 {
                    // The message is there before the cancelled receiver asks, or both race.
                    let isThere = number % 2 == 0
                    if isThere { try await broker.publish(messages(number..<number + 1), to: topic) }
                    let waiting = Task {
                        if isThere { withUnsafeCurrentTask { $0?.cancel() } }
                        return try await subscription.next()
                    }
                    await Task.yield()
                    async let published: Void = broker.publish(
                        isThere ? [] : messages(number..<number + 1), to: topic)
                    waiting.cancel()
                    try await published
                    var delivery = try await waiting.value
                    if delivery == nil { delivery = try await next(subscription) }
                    // What came before may come again.
                    while let again = delivery, try BrokerContract.number(of: again) < number {
                        try await again.ack()
                        delivery = try await next(subscription)
                    }
                    guard let delivery else { continue }
                    try expectEqual(try BrokerContract.number(of: delivery), number, "message")
                    try await delivery.ack()
                }
            }
        },
    ]

    private static let backlogMessageBytes = 16_384

    @Sendable private static func largestBacklog(_ fixture: Fixture) -> Int {
        min(max(20, fixture.scale), fixture.backlogBytes / backlogMessageBytes)
    }

    /// The memory of this process.
    private static func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }

    /// Counts what arrives, from many tasks.
    final class Tally: Sendable {
        private struct State {
            var missing: Set<Int>
            var repeated = 0
            var held = 0
        }

        private let state: Mutex<State>

        init(expecting count: Int) {
            state = Mutex(State(missing: Set(0..<count)))
        }

        var missing: Int { state.withLock { $0.missing.count } }
        var repeated: Int { state.withLock { $0.repeated } }

        /// True once nothing is missing any more.
        func count(_ number: Int) -> Bool {
            state.withLock { state in
                if state.missing.remove(number) == nil { state.repeated += 1 }
                return state.missing.isEmpty
            }
        }

        func take() -> Int {
            state.withLock { state in
                state.held += 1
                return state.held
            }
        }

        func putBack() {
            state.withLock { $0.held -= 1 }
        }
    }
}
