import SoukEnv
import Testing

@testable import SoukBrokerKafka

/// What librdkafka is told of encryption and credentials, read back from it.
@Suite struct KafkaSecurityTests {
    private func configuration(
        _ security: KafkaOptions.SecurityProtocol, _ mechanism: KafkaOptions.SASLMechanism
    ) throws -> [String: String] {
        let options = try KafkaOptions(
            brokers: "a:1, b:2", securityProtocol: security, saslMechanism: mechanism, username: "souk",
            password: Secret("hush"), caFile: "/tls/ca.pem", certificateFile: "/tls/souk.pem",
            keyFile: "/tls/souk.key")
        let configuration = try RDKafkaConfiguration(options)
        let names = [
            "bootstrap.servers", "security.protocol", "sasl.mechanisms", "sasl.username", "sasl.password",
            "ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
            "enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm",
        ]
        var values: [String: String] = [:]
        for name in names { values[name] = configuration.value(of: name) }
        return values
    }

    @Test(arguments: KafkaOptions.SecurityProtocol.allCases, KafkaOptions.SASLMechanism.allCases)
    func everyProtocolWithEveryMechanism(
        security: KafkaOptions.SecurityProtocol, mechanism: KafkaOptions.SASLMechanism
    ) throws {
        let values = try configuration(security, mechanism)
        #expect(values["bootstrap.servers"] == "a:1,b:2")
        #expect(values["security.protocol"] == security.rawValue)
        let isSASL = [.saslPlaintext, .saslSSL].contains(security)
        #expect(values["sasl.username"] == (isSASL ? "souk" : nil))
        #expect(values["sasl.password"] == (isSASL ? "hush" : nil))
        if isSASL { #expect(values["sasl.mechanisms"] == mechanism.rawValue) }
        #expect(values["ssl.ca.location"] == "/tls/ca.pem")
        #expect(values["ssl.certificate.location"] == "/tls/souk.pem")
        #expect(values["ssl.key.location"] == "/tls/souk.key")
        // Never switched off: the brokers' certificates and their names.
        #expect(values["enable.ssl.certificate.verification"] == "true")
        #expect(values["ssl.endpoint.identification.algorithm"] == "https")
    }
}
