import SoukBroker
import SoukErrors

extension BrokerContract {
    static let lifecycleCases: [Case] = [
        Case("goes on where the group was after its last member left") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("reopen")
                let group = unique("g")
                let count = max(10, fixture.scale / 5)
                let first = try await broker.subscribe(
                    to: [topic], group: group, options: SubscriptionOptions(prefetch: 1))
                try await publish(messages(0..<count), to: topic, on: broker)
                let half = try await receive(0..<count / 2, from: first)
                await first.close()
                let second = try await broker.subscribe(to: [topic], group: group)
                let rest = try await receive(count / 2..<count, from: second)
                try expectEqual(half + rest, Array(0..<count), "messages of both halves")
            }
        },

        Case(
            "keeps messages and progress over a restart", needs: [.durable, .keyOrdering],
            messages: { max(30, $0.scale) }
        ) { fixture in
            let topic = unique("restart")
            let group = unique("g")
            let count = max(30, fixture.scale)
            var handled: [Int] = []
            // Down at one third and at one half of the messages.
            let stops = [count / 3, count / 2, count]
            try await fixture.withBroker { broker in
                _ = try await broker.subscribe(to: [topic], group: group)
                try await publish(messages(0..<count / 2), to: topic, on: broker)
            }
            for (index, stop) in stops.enumerated() {
                try await fixture.withBroker { broker in
                    let subscription = try await broker.subscribe(
                        to: [topic], group: group, options: SubscriptionOptions(prefetch: 1))
                    if index == 2 { try await publish(messages(count / 2..<count), to: topic, on: broker) }
                    let start = index == 0 ? 0 : stops[index - 1]
                    handled += try await receive(start..<stop, from: subscription)
                }
            }
            try expectEqual(handled, Array(0..<count), "messages over three runs")
        },

        Case(
            "loses no confirmed message to restarts under 20 publishers", needs: [.durable],
            messages: \.scale
        ) { fixture in
            let topic = unique("publishers")
            let group = unique("g")
            let publishers = 20
            let each = max(1, fixture.scale / publishers)
            let count = publishers * each
            try await fixture.withBroker { _ = try await $0.subscribe(to: [topic], group: group) }
            // Each publisher meets brokers that close while it publishes, and repeats what was not confirmed.
            let turnstile = Turnstile(broker: try await fixture.open())
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for publisher in 0..<publishers {
                    tasks.addTask {
                        for index in 0..<each {
                            let number = publisher * each + index
                            while true {
                                let broker = await turnstile.broker
                                do {
                                    try await broker.publish(
                                        [
                                            BrokerMessage(
                                                id: "m\(number)", key: "p\(publisher)",
                                                payload: Array("\(number)".utf8))
                                        ],
                                        to: topic)
                                    break
                                } catch let error as BrokerError {
                                    try expectEqual(
                                        error.kind, .unavailable, "kind of the failure while restarting")
                                    await Task.yield()
                                }
                            }
                            await turnstile.passed(restartAt: [count / 3, count / 2], open: fixture.open)
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            await turnstile.broker.close()
            if let failure = await turnstile.failure { throw failure }
            try expectEqual(await turnstile.restarts, 2, "restarts")
            try await fixture.withBroker { broker in
                let subscription = try await broker.subscribe(to: [topic], group: group)
                let received = try await receive(0..<count, from: subscription)
                try expectEqual(Set(received), Set(0..<count), "confirmed messages")
                // A message whose confirmation the restart swallowed may be there twice: one per publisher
                // and restart.
                try expect(
                    received.count <= count + 2 * publishers,
                    "\(received.count) deliveries of \(count) messages")
            }
        },

        Case("closes while 20 publishers and 20 receivers are at work, however many close it") { fixture in
            let topic = unique("closes")
            let broker = try await fixture.open()
            var subscriptions: [any BrokerSubscription] = []
            for index in 0..<20 {
                subscriptions.append(try await broker.subscribe(to: [topic], group: unique("g\(index % 4)")))
            }
            let joined = subscriptions
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for subscription in joined {
                    tasks.addTask {
                        while let delivery = try await unlessClosed({ try await subscription.next() }) ?? nil
                        {
                            guard try await unlessStale({ try await delivery.ack() }) else { return }
                        }
                    }
                }
                for publisher in 0..<20 {
                    tasks.addTask {
                        var number = publisher
                        while try await unlessClosed({
                            try await broker.publish(unkeyed(number..<number + 1), to: topic)
                        }) != nil { number += 20 }
                    }
                }
                for _ in 0..<20 {
                    tasks.addTask {
                        for _ in 0..<50 { await Task.yield() }
                        await broker.close()
                    }
                }
                for subscription in joined.prefix(10) {
                    tasks.addTask { await subscription.close() }
                }
                try await tasks.waitForAll()
            }
            await broker.close()
            do {
                try await broker.publish(messages(0..<1), to: topic)
                throw Violation(description: "a closed broker published")
            } catch let error as BrokerError {
                try expectEqual(error.reason, .closed, "reason")
            }
            for subscription in joined {
                try expect(try await subscription.next() == nil, "a closed broker delivered")
                await subscription.close()
            }
        },

        Case("refuses what has no name") { fixture in
            try await fixture.withBroker { broker in
                for (topics, group) in [([], "g"), ([""], "g"), (["t"], "")] {
                    do {
                        _ = try await broker.subscribe(to: topics, group: group)
                        throw Violation(description: "subscribed to \(topics) as \(group)")
                    } catch let error as BrokerError {
                        try expectEqual(error.reason, .invalidArgument, "reason")
                    }
                }
                do {
                    try await broker.publish(messages(0..<1), to: "")
                    throw Violation(description: "published to a topic without a name")
                } catch let error as BrokerError {
                    try expectEqual(error.reason, .invalidArgument, "reason")
                }
            }
        },
    ]

    /// Nil when the broker is closed by now.
    private static func unlessClosed<T: Sendable>(_ body: () async throws -> T) async throws -> T? {
        do {
            return try await body()
        } catch let error as BrokerError where error.kind == .unavailable {
            return nil
        }
    }

    /// False when the delivery was taken away by a closing.
    private static func unlessStale(_ body: () async throws -> Void) async throws -> Bool {
        do {
            try await body()
            return true
        } catch let error as BrokerError where error.reason == .staleDelivery || error.kind == .unavailable {
            return false
        }
    }

    /// Counts confirmed messages, and restarts the broker when a count is reached.
    private actor Turnstile {
        private(set) var broker: any Broker
        private(set) var restarts = 0
        private(set) var failure: (any Error)?
        private var count = 0

        init(broker: any Broker) {
            self.broker = broker
        }

        func passed(restartAt stops: [Int], open: @Sendable () async throws -> any Broker) async {
            count += 1
            guard stops.contains(count) else { return }
            await broker.close()
            do {
                broker = try await open()
                restarts += 1
            } catch {
                failure = error
            }
        }
    }
}
