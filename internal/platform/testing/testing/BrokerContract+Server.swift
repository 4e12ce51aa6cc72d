import SoukBroker
import SoukErrors
import Synchronization

extension BrokerContract {
    static let serverCases: [Case] = [
        Case(
            "loses nothing when the server is killed at one third and one half, publishers and members at work",
            needs: [.durable, .keyOrdering], needsServer: true, messages: \.scale
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("killed")
                let group = unique("g")
                let publishers = 20
                let each = max(1, fixture.scale / publishers)
                let count = publishers * each
                let members = [
                    try await broker.subscribe(to: [topic], group: group),
                    try await broker.subscribe(to: [topic], group: group),
                ]
                try await storeDeclarations()
                let ledger = Arrivals(expecting: count)
                let killer = Killer(at: [count / 3, count / 2], restart: fixture.restart)
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for publisher in 0..<publishers {
                        tasks.addTask {
                            for index in 0..<each {
                                let message = BrokerMessage(
                                    id: "m\(publisher * each + index)", key: "p\(publisher)",
                                    payload: Array("\(publisher * each + index)".utf8))
                                try await publishUntilConfirmed(message, to: topic, on: broker)
                                await killer.confirmed()
                            }
                        }
                    }
                    for member in members {
                        for _ in 0..<8 {
                            tasks.addTask {
                                while let delivery = try await member.next() {
                                    let isLast = ledger.add(
                                        try number(of: delivery), key: delivery.message.key)
                                    _ = try await unlessAway { try await delivery.ack() }
                                    guard isLast else { continue }
                                    for member in members { await member.close() }
                                }
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
                if let failure = await killer.failure { throw failure }
                try expectEqual(await killer.kills, 2, "kills")
                try expectEqual(ledger.missing, 0, "messages that were lost")
                for (key, numbers) in ledger.firstArrivals {
                    try expectEqual(numbers, numbers.sorted(), "order of first arrivals of \(key)")
                }
            }
        },

        Case("is unavailable in bounded time while the server is away, and comes back", needsServer: true) {
            fixture in
            try await fixture.withBroker { broker in
                let topic = unique("away")
                let group = unique("g")
                let subscription = try await broker.subscribe(to: [topic], group: group)
                try await storeDeclarations()
                try await broker.publish(messages(0..<1), to: topic)
                let held = try await next(subscription)
                guard let restart = fixture.restart else { return }
                async let restarted: Void = restart()
                // Publishing through the restart: each call ends, one of them succeeds in the end.
                try await publishUntilConfirmed(
                    BrokerMessage(id: "m1", key: "k0", payload: Array("1".utf8)), to: topic, on: broker)
                try await restarted
                // What was held is its member's still; or it comes again, and its old delivery is void. It may come again
                // in any case.
                var isDone = try await unlessStale({ try await held.ack() }) != nil
                var following = try await next(subscription)
                while try number(of: following) == 0 {
                    if try await unlessStale({ try await following.ack() }) != nil { isDone = true }
                    following = try await next(subscription)
                }
                try expect(isDone, "the message that was held is lost")
                try expectEqual(try number(of: following), 1, "the next message")
            }
        },
    ]

    /// A server may write down what was declared a moment after it said so (RabbitMQ's directory of quorum queues:
    /// half a second): killing it in between is another promise than this one.
    private static func storeDeclarations() async throws {
        try await Task.sleep(for: .seconds(2))
    }

    /// Repeats a message until it is confirmed, as the relay of an outbox does.
    private static func publishUntilConfirmed(
        _ message: BrokerMessage, to topic: String, on broker: any Broker
    ) async throws {
        let start = ContinuousClock.now
        while try await unlessAway({ try await broker.publish([message], to: topic) }) == nil {
            try expect(
                ContinuousClock.now - start < .seconds(90), "nothing could be published for 90 seconds")
            // A server that is starting: polled, within the bound above.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Nil when the delivery is void.
    private static func unlessStale<T: Sendable>(_ body: () async throws -> T) async throws -> T? {
        do {
            return try await body()
        } catch let error as BrokerError where error.reason == .staleDelivery {
            return nil
        }
    }

    /// Nil when the server is away, or was since the delivery.
    private static func unlessAway<T: Sendable>(_ body: () async throws -> T) async throws -> T? {
        do {
            return try await body()
        } catch let error as BrokerError where error.reason == .unavailable || error.reason == .staleDelivery
        {
            return nil
        }
    }

    /// Kills the server when so many messages are confirmed, while everybody else goes on.
    private actor Killer {
        private let stops: [Int]
        private let restart: (@Sendable () async throws -> Void)?
        private var count = 0
        private var last: Task<Void, Never>?
        private(set) var kills = 0
        private(set) var failure: (any Error)?

        init(at stops: [Int], restart: (@Sendable () async throws -> Void)?) {
            self.stops = stops
            self.restart = restart
        }

        func confirmed() async {
            count += 1
            guard stops.contains(count), let restart else { return }
            // Unstructured, so that the next one can wait for it: two at a time would be none.
            let task = Task { [last] in
                await last?.value
                do {
                    try await restart()
                    kills += 1
                } catch {
                    failure = error
                }
            }
            last = task
            await task.value
        }
    }

    /// Which messages came, and in which order each key's came first.
    private final class Arrivals: Sendable {
        private struct State {
            var missing: Set<Int>
            var order: [String: [Int]] = [:]
        }

        private let state: Mutex<State>

        init(expecting count: Int) {
            state = Mutex(State(missing: Set(0..<count)))
        }

        var missing: Int { state.withLock { $0.missing.count } }
        var firstArrivals: [String: [Int]] { state.withLock { $0.order } }

        /// True once everything came.
        func add(_ number: Int, key: String) -> Bool {
            state.withLock { state in
                if state.missing.remove(number) != nil { state.order[key, default: []].append(number) }
                return state.missing.isEmpty
            }
        }
    }
}
