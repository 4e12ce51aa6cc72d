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

        Case("delivers many messages over many subscriptions, each to one of them") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("many")
                let group = unique("g")
                let count = fixture.scale
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
                try expect(tally.mostHeld > 1, "the prefetch was not used")
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
                    if delivery == nil { delivery = try await subscription.next() }
                    guard let delivery else { throw Violation(description: "the subscription ended") }
                    try expectEqual(try BrokerContract.number(of: delivery), number, "message")
                    try await delivery.ack()
                }
            }
        },
    ]

    /// Counts what arrives, from many tasks.
    final class Tally: Sendable {
        private struct State {
            var missing: Set<Int>
            var repeated = 0
            var held = 0
            var mostHeld = 0
        }

        private let state: Mutex<State>

        init(expecting count: Int) {
            state = Mutex(State(missing: Set(0..<count)))
        }

        var missing: Int { state.withLock { $0.missing.count } }
        var repeated: Int { state.withLock { $0.repeated } }
        var mostHeld: Int { state.withLock { $0.mostHeld } }

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
                state.mostHeld = max(state.mostHeld, state.held)
                return state.held
            }
        }

        func putBack() {
            state.withLock { $0.held -= 1 }
        }
    }
}
