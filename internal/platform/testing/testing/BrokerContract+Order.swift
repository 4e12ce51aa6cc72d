import SoukBroker
import Synchronization

extension BrokerContract {
    static let orderCases: [Case] = [
        Case(
            "keeps the order of each of 16 keys over several members, refusals included", needs: .keyOrdering,
            messages: \.scale
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("order")
                let group = unique("g")
                let count = fixture.scale
                let ledger = KeyLedger(expecting: count)
                var subscriptions: [any BrokerSubscription] = []
                for _ in 0..<4 { subscriptions.append(try await broker.subscribe(to: [topic], group: group)) }
                let joined = subscriptions
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for subscription in joined {
                        for _ in 0..<4 {
                            tasks.addTask {
                                while let delivery = try await subscription.next() {
                                    let number = try number(of: delivery)
                                    try ledger.begin(delivery.message.key)
                                    await Task.yield()
                                    // Every seventh is refused once: its successors have to wait for it.
                                    if number % 7 == 0, ledger.isFirstRefusal(of: number) {
                                        ledger.end(delivery.message.key, handled: nil)
                                        try await delivery.nack()
                                    } else {
                                        let isLast = ledger.end(delivery.message.key, handled: number)
                                        try await delivery.ack()
                                        guard isLast else { continue }
                                        for subscription in joined { await subscription.close() }
                                    }
                                }
                            }
                        }
                    }
                    tasks.addTask { try await publish(messages(0..<count, keys: 16), to: topic, on: broker) }
                    try await tasks.waitForAll()
                }
                for (key, numbers) in ledger.handled {
                    try expectEqual(numbers, numbers.sorted(), "order of \(key)")
                }
                try expectEqual(ledger.handled.values.reduce(0) { $0 + $1.count }, count, "handled messages")
            }
        },

        Case("goes on with other keys while one is in flight", needs: [.keyOrdering, .independentKeys]) {
            fixture in
            try await fixture.withBroker { broker in
                let topic = unique("flight")
                let subscription = try await broker.subscribe(to: [topic], group: unique("g"))
                // Only within a key is it promised which comes first.
                try await broker.publish(keyed([("a", 0), ("a", 1)]), to: topic)
                let blocked = try await next(subscription)
                try expectEqual(try number(of: blocked), 0, "first message of the key")
                try await broker.publish(keyed([("b", 2), ("a", 3), ("c", 4), ("b", 5)]), to: topic)
                var others: [Int] = []
                for _ in 0..<3 {
                    let delivery = try await next(subscription)
                    others.append(try number(of: delivery))
                    try await delivery.ack()
                }
                try expectEqual(Set(others), [2, 4, 5], "messages of the other keys")
                try await blocked.ack()
                try expectEqual(try await receive(1..<2, from: subscription), [1], "next of the key")
                try expectEqual(try await receive(3..<4, from: subscription), [3], "last of the key")
            }
        },

        Case(
            "goes on with other keys while one waits for redelivery",
            needs: [.keyOrdering, .independentKeys, .delayedRedelivery]
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("blocked")
                let subscription = try await broker.subscribe(
                    to: [topic], group: unique("g"), options: SubscriptionOptions(prefetch: 2))
                // Half of all messages belong to the blocked key. Every backend holds so many back.
                let count = min(fixture.scale, 1_000)
                try await publish(
                    keyed((0..<count).map { ($0 % 2 == 0 ? "blocked" : "k\($0 % 16)", $0) }), to: topic,
                    on: broker)
                var others: [String: [Int]] = [:]
                var received = 0
                while received < count / 2 {
                    let delivery = try await next(subscription)
                    if delivery.message.key == "blocked" {
                        try expectEqual(try number(of: delivery), 0, "message of the blocked key")
                        try await delivery.nack(after: .milliseconds(20))
                    } else {
                        others[delivery.message.key, default: []].append(try number(of: delivery))
                        received += 1
                        try await delivery.ack()
                    }
                }
                for (key, numbers) in others { try expectEqual(numbers, numbers.sorted(), "order of \(key)") }
                let rest = try await receiveKey("blocked", count: (count + 1) / 2, from: subscription)
                try expectEqual(
                    rest, stride(from: 0, to: count, by: 2).map { $0 }, "messages of the blocked key")
            }
        },
    ]

    private static func keyed(_ messages: [(key: String, number: Int)]) -> [BrokerMessage] {
        messages.map { BrokerMessage(id: "m\($0.number)", key: $0.key, payload: Array("\($0.number)".utf8)) }
    }

    private static func receiveKey(
        _ key: String, count: Int, from subscription: any BrokerSubscription
    ) async throws -> [Int] {
        var numbers: [Int] = []
        while numbers.count < count {
            let delivery = try await next(subscription)
            try expectEqual(delivery.message.key, key, "key")
            numbers.append(try number(of: delivery))
            try await delivery.ack()
        }
        return numbers
    }

    /// Watches that a key is in one pair of hands at a time, and in which order its messages were handled.
    private final class KeyLedger: Sendable {
        private struct State {
            var busy: Set<String> = []
            var refused: Set<Int> = []
            var handled: [String: [Int]] = [:]
            var remaining: Int
        }

        private let state: Mutex<State>

        init(expecting count: Int) {
            state = Mutex(State(remaining: count))
        }

        var handled: [String: [Int]] { state.withLock { $0.handled } }

        func begin(_ key: String) throws(Violation) {
            let isFree = state.withLock { $0.busy.insert(key).inserted }
            try expect(isFree, "two messages of \(key) at a time")
        }

        func isFirstRefusal(of number: Int) -> Bool {
            state.withLock { $0.refused.insert(number).inserted }
        }

        /// True when that was the last message of all.
        @discardableResult
        func end(_ key: String, handled number: Int?) -> Bool {
            state.withLock { state in
                state.busy.remove(key)
                guard let number else { return false }
                state.handled[key, default: []].append(number)
                state.remaining -= 1
                return state.remaining == 0
            }
        }
    }
}
