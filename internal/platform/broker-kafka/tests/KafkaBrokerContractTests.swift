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
            on: BrokerContract.Fixture("kafka", capabilities: .all) { try KafkaBroker.open(options) })
    }
}
