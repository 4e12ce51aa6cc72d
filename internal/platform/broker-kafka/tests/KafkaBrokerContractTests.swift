import SoukBroker
import SoukBrokerKafka
import SoukTesting
import Testing

@Suite(.timeLimit(.minutes(5)))
struct KafkaBrokerContractTests {
    @Test(arguments: BrokerContract.allCases)
    func `keeps the contract of brokers`(_ testCase: BrokerContract.Case) async throws {
        let options = try MockCluster.shared.get().options()
        try await testCase.run(
            // The stand-in keeps 5 MB of each of its 4 partitions, and drops what is older.
            on: BrokerContract.Fixture("kafka", capabilities: .all, backlogBytes: 8 << 20) {
                try KafkaBroker.open(options)
            })
    }
}
