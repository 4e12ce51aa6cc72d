import SoukBroker
import SoukBrokerEmbedded
import SoukTesting
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EmbeddedBrokerContractTests {
    @Test(arguments: BrokerContract.allCases)
    func `keeps the contract of brokers`(_ testCase: BrokerContract.Case) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("broker.db")
        try await testCase.run(
            on: BrokerContract.Fixture("embedded", capabilities: .all) {
                try await EmbeddedBroker.open(path: path)
            })
        withExtendedLifetime(folder) {}
    }
}
