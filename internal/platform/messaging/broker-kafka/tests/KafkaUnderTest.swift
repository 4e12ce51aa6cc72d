import Foundation
import SoukBrokerKafka
import SoukTesting

/// The cluster for tests that need nothing from it but Kafka: the one that `SOUK_TEST_KAFKA_BROKERS` names, or the stand-in.
///
/// Topics and groups have names of their own in every test, so that a cluster can be shared.
enum KafkaUnderTest {
    /// Nil where that is a stand-in as well: the tests start their own.
    static let external =
        variable("SOUK_TEST_KAFKA_STANDIN") == nil ? variable("SOUK_TEST_KAFKA_BROKERS") : nil

    private static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Kills the cluster and starts it again with what it stored; nil where tests may not.
    static let restart = RestartCommand.action(variable: "SOUK_TEST_KAFKA_RESTART")

    static func options(_ change: (inout KafkaOptions) -> Void = { _ in }) throws -> KafkaOptions {
        try options(external ?? MockCluster.shared.get().brokers, change)
    }

    static func options(
        _ brokers: String, _ change: (inout KafkaOptions) -> Void
    ) throws -> KafkaOptions {
        var options = try KafkaOptions(brokers: brokers)
        // The stand-in has a group wait for nearly as long when a member joins.
        options.sessionTimeout = KafkaOptions.minimumSessionTimeout
        change(&options)
        return options
    }
}
