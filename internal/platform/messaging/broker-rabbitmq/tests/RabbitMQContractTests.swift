import SoukBroker
import SoukBrokerRabbitMQ
import SoukTesting
import Testing

@Suite(
    .enabled(if: RabbitMQServer.isThere, "\(RabbitMQServer.reason)"), .serialized, .timeLimit(.minutes(10)))
struct RabbitMQContractTests {
    @Test(arguments: BrokerContract.allCases)
    func `keeps the contract of brokers`(_ testCase: BrokerContract.Case) async throws {
        try await testCase.run(
            on: BrokerContract.Fixture(
                "rabbitmq", capabilities: BrokerCapabilities.all.subtracting(.replayFromEarliest),
                restart: RabbitMQServer.restart
            ) {
                try RabbitMQBroker.open(RabbitMQServer.options())
            })
    }
}
