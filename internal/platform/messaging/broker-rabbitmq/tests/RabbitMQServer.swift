import Foundation
import SoukBroker
import SoukBrokerRabbitMQ
import SoukTesting

/// The private server that `scripts/test` starts; see `scripts/servers`.
enum RabbitMQServer {
    static let isThere = variable("SOUK_TEST_RABBITMQ_URL") != nil
    static let reason: String =
        "needs a server: SOUK_TEST_RABBITMQ_URL is not set (scripts/test starts one)"

    /// Kills the server, and starts it again on the same ports with the same data; nil where tests may not.
    static let restart = RestartCommand.action(variable: "SOUK_TEST_RABBITMQ_RESTART")

    static func options() throws -> RabbitMQOptions {
        try RabbitMQOptions(url: variable("SOUK_TEST_RABBITMQ_URL") ?? "amqp://guest@127.0.0.1/")
    }

    static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
