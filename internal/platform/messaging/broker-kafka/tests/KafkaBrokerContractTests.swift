import SoukBroker
import SoukBrokerKafka
import SoukTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct KafkaBrokerContractTests {
    @Test(arguments: BrokerContract.allCases.filter { !$0.needsServer })
    func `keeps the contract of brokers`(_ testCase: BrokerContract.Case) async throws {
        let options = try KafkaUnderTest.options()
        try await testCase.run(on: .kafka(backlogBytes: Self.backlogBytes) { try KafkaBroker.open(options) })
    }

    /// One after the other: each kills the cluster.
    @Suite(.serialized)
    struct Server {
        @Test(arguments: BrokerContract.allCases.filter(\.needsServer))
        func `keeps the contract of brokers`(_ testCase: BrokerContract.Case) async throws {
            if KafkaUnderTest.external != nil {
                let options = try KafkaUnderTest.options()
                try await testCase.run(
                    on: .kafka(restart: KafkaUnderTest.restart) { try KafkaBroker.open(options) })
            } else {
                let cluster = try MockCluster()
                let options = try cluster.options()
                let restart = { @Sendable in try await cluster.restart() }
                try await testCase.run(on: .kafka(restart: restart) { try KafkaBroker.open(options) })
            }
        }
    }

    /// The stand-in keeps 5 MB of each partition, and drops what is older.
    private static let backlogBytes = KafkaUnderTest.external == nil ? 8 << 20 : Int.max
}

extension BrokerContract.Fixture {
    static func kafka(
        backlogBytes: Int = .max, restart: (@Sendable () async throws -> Void)? = nil,
        open: @escaping @Sendable () async throws -> any Broker
    ) -> Self {
        Self("kafka", capabilities: .all, backlogBytes: backlogBytes, restart: restart, open: open)
    }
}
