import SoukBroker
import SoukEnv
import SoukIDs
import Synchronization
import Testing

@testable import SoukBrokerKafka

@Suite(.timeLimit(.minutes(3)))
struct KafkaBrokerTests {
    private func unique(_ name: String) -> String { "kafka-\(name)-\(ID<KafkaBrokerTests>())" }

    private func messages(_ numbers: Range<Int>, keys: Int, size: Int = 0) -> [BrokerMessage] {
        numbers.map { number in
            BrokerMessage(
                id: "\(number)", key: "k\(number % keys)", payload: [UInt8](repeating: 1, count: size))
        }
    }

    @Test func `opens, publishes and subscribes while the cluster is away, and goes on when it comes`()
        async throws
    {
        let cluster = try MockCluster("--down")
        let broker = try KafkaBroker.open(
            cluster.options {
                $0.publishTimeout = .seconds(1)
                $0.requestTimeout = .milliseconds(500)
            })
        let topic = unique("away")
        let start = ContinuousClock.now
        await #expect(throws: BrokerError.self) {
            try await broker.publish(messages(0..<1, keys: 1), to: topic)
        }
        await #expect(throws: BrokerError.self) { _ = try await broker.lag(group: "g") }
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        #expect(ContinuousClock.now - start < .seconds(10))
        try cluster.tell("up")
        var attempts = 0
        while true {
            do {
                try await broker.publish(messages(1..<2, keys: 1), to: topic)
                break
            } catch {
                attempts += 1
                #expect(error.reason == .unavailable)
                try #require(attempts < 30)
            }
        }
        // What failed was dropped, or is there before what came after it.
        while let delivery = try await subscription.next() {
            try await delivery.ack()
            if delivery.message.id == "1" { break }
        }
        await broker.close()
    }

    @Test func `publishes once and in order though requests fail and connections break`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        let topic = unique("errors")
        try await broker.publish(messages(0..<1, keys: 1), to: topic)
        // Produce (0): connection cut, not enough replicas, request timed out.
        for code in [-195, 19, 7] { try cluster.tell("error 0 \(code) 2") }
        for first in stride(from: 1, to: 201, by: 20) {
            try await broker.publish(messages(first..<first + 20, keys: 1), to: topic)
        }
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        for number in 0..<201 {
            let delivery = try #require(try await subscription.next())
            #expect(delivery.message.id == "\(number)")
            try await delivery.ack()
        }
        await broker.close()
    }

    @Test func `a group that is left has its progress though commits fail for a while`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        let topic = unique("left")
        let first = try await broker.subscribe(to: [topic], group: "g")
        try await broker.publish(messages(0..<10, keys: 1), to: topic)
        // OffsetCommit (8): the coordinator is loading, for longer than librdkafka repeats one commit by itself.
        try cluster.tell("error 8 14 8")
        for _ in 0..<10 { try await first.next()?.ack() }
        await first.close()
        let second = try await broker.subscribe(to: [topic], group: "g")
        try await broker.publish(messages(10..<11, keys: 1), to: topic)
        #expect(try await second.next()?.message.id == "10")
        await broker.close()
    }

    @Test func `gives a slow member everything of a backlog that is larger than what it may hold`()
        async throws
    {
        let broker = try KafkaBroker.open(KafkaUnderTest.options { $0.lookAheadBytes = 50_000 })
        let topic = unique("backlog")
        for first in stride(from: 0, to: 400, by: 50) {
            try await broker.publish(messages(first..<first + 50, keys: 16, size: 20_000), to: topic)
        }
        let subscription = try await broker.subscribe(
            to: [topic], group: unique("g"), options: SubscriptionOptions(prefetch: 2))
        var seen: Set<String> = []
        while seen.count < 400 {
            let delivery = try #require(try await subscription.next())
            seen.insert(delivery.message.id)
            try await delivery.ack()
        }
        await broker.close()
    }

    @Test func `loses nothing and keeps the order of keys while members join and leave`() async throws {
        let cluster = try MockCluster()
        let topic = unique("rebalance")
        let publisher = try KafkaBroker.open(cluster.options())
        let ledger = Ledger()
        let count = 3_000
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let options = try cluster.options()
            @Sendable func member(leavingAt limit: Int) async throws {
                let broker = try KafkaBroker.open(options)
                let subscription = try await broker.subscribe(to: [topic], group: "g")
                while let delivery = try await subscription.next() {
                    try await Task.sleep(for: .milliseconds(1))
                    let handled = ledger.handle(delivery.message)
                    // Stale when the partition went to another member meanwhile, which gets it again.
                    do throws(BrokerError) { try await delivery.ack() } catch {
                        #expect(error.reason == .staleDelivery)
                    }
                    if handled >= limit { break }
                }
                await broker.close()
            }
            tasks.addTask { try await member(leavingAt: count / 2) }
            for first in stride(from: 0, to: count, by: 50) {
                try await publisher.publish(messages(first..<first + 50, keys: 16), to: topic)
                switch first {
                case 500: tasks.addTask { try await member(leavingAt: count) }
                case 1_000: tasks.addTask { try await member(leavingAt: count) }
                default: break
                }
                // A steady load: no more than a few hundred ahead of the members.
                while ledger.count < first - 300 { try await Task.sleep(for: .milliseconds(5)) }
            }
            while ledger.count < count { try await Task.sleep(for: .milliseconds(20)) }
            tasks.cancelAll()
            try? await tasks.waitForAll()
        }
        await publisher.close()
        #expect(ledger.count == count)
        for (key, numbers) in ledger.firsts { #expect(numbers == numbers.sorted(), "order of \(key)") }
    }

    /// The order in which messages were handled for the first time.
    private final class Ledger: Sendable {
        private let state = Mutex((seen: Set<String>(), firsts: [String: [Int]]()))

        var count: Int { state.withLock { $0.seen.count } }
        var firsts: [String: [Int]] { state.withLock { $0.firsts } }

        func handle(_ message: BrokerMessage) -> Int {
            state.withLock { state in
                if state.seen.insert(message.id).inserted {
                    state.firsts[message.key, default: []].append(Int(message.id) ?? -1)
                }
                return state.seen.count
            }
        }
    }

    @Test func `refuses what is too large, and options that cannot work`() async throws {
        let broker = try KafkaBroker.open(MockCluster.shared.get().options { $0.maximumMessageBytes = 100 })
        await #expect {
            try await broker.publish(messages(0..<1, keys: 1, size: 101), to: "t")
        } throws: { ($0 as? BrokerError)?.reason == .messageTooLarge }
        await broker.close()
        for brokers in ["", "host", "host:0", "host:x", "a:1,b:", ":9092"] {
            #expect(throws: BrokerError.self) { _ = try KafkaOptions(brokers: brokers) }
        }
        for change in [
            { $0.caFile = "/nowhere.pem" }, { $0.sessionTimeout = .milliseconds(5_999) },
            { $0.clientID = String(repeating: "c", count: 201) }, { $0.clientID = "" },
            { $0.prefix = "a/b" }, { $0.prefix = String(repeating: "p", count: 101) },
        ] as [(inout KafkaOptions) -> Void] {
            var options = try KafkaOptions(brokers: "localhost:9092", securityProtocol: .ssl)
            change(&options)
            let error = #expect(throws: BrokerError.self) { _ = try KafkaBroker.open(options) }
            #expect(error?.reason == .invalidArgument)
        }
    }

    @Test func `shows no password`() throws {
        let options = try KafkaOptions(
            brokers: "localhost:9092", securityProtocol: .saslSSL, username: "souk",
            password: Secret("hunter2"))
        var dumped = ""
        dump(options, to: &dumped)
        #expect(!"\(options) \(String(reflecting: options)) \(dumped)".contains("hunter2"))
    }
}
