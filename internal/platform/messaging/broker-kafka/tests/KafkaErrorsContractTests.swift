import Foundation
import SoukBroker
import SoukBrokerKafka
import SoukTesting
import Testing

/// The contract again, on a stand-in whose brokers fail requests at random. `SOUK_TEST_SEED` chooses which; without it every run is
/// the same.
@Suite(
    .enabled(if: MockCluster.isBuilt, "needs mock-kafka, which is not built"), .timeLimit(.minutes(10)))
struct KafkaErrorsContractTests {
    private static let seed =
        ProcessInfo.processInfo.environment["SOUK_TEST_SEED"].flatMap { UInt64($0) }
        ?? 4242

    @Test(arguments: BrokerContract.allCases.enumerated().map { Numbered(number: UInt64($0), case: $1) })
    func `keeps the contract while requests fail at random`(_ numbered: Numbered) async throws {
        let cluster = try MockCluster()
        let seed = Self.seed &+ numbered.number
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                // A case that expects restarts bears rebalances, too.
                var storm = ErrorStorm(cluster, seed: seed, rebalances: numbered.case.needsServer)
                try await storm.rage()
            }
            defer { tasks.cancelAll() }
            let options = try cluster.options {
                // Heartbeats fail, too: no session may end because of that where nobody is to notice.
                if !numbered.case.needsServer { $0.sessionTimeout = .seconds(10) }
            }
            do {
                try await numbered.case.run(
                    on: BrokerContract.Fixture(
                        "kafka, requests failing", capabilities: .all, scale: 400, backlogBytes: 8 << 20,
                        failsRequests: true,
                        restart: { try await cluster.restart() }
                    ) { PersistentBroker(try KafkaBroker.open(options)) })
            } catch {
                throw Failure(seed: Self.seed, cause: error)
            }
        }
    }

    struct Numbered: Sendable, CustomTestStringConvertible {
        let number: UInt64
        let `case`: BrokerContract.Case

        var testDescription: String { self.case.description }
    }

    private struct Failure: Error, CustomStringConvertible {
        let seed: UInt64
        let cause: any Error

        var description: String { "SOUK_TEST_SEED=\(seed): \(cause)" }
    }
}

/// Asks for the lag again when the cluster could not be asked, which the contract allows.
private struct PersistentBroker: Broker {
    private let broker: any Broker

    init(_ broker: any Broker) {
        self.broker = broker
    }

    var capabilities: BrokerCapabilities { broker.capabilities }

    func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        try await broker.publish(messages, to: topic)
    }

    func subscribe(
        to topics: [String], group: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        try await broker.subscribe(to: topics, group: group, options: options)
    }

    func lag(group: String) async throws(BrokerError) -> [String: Int] {
        for _ in 0..<20 {
            do {
                return try await broker.lag(group: group)
            } catch  where error.reason == .unavailable {
                continue
            }
        }
        return try await broker.lag(group: group)
    }

    func close() async {
        await broker.close()
    }
}
