import Foundation
import SoukBroker
import SoukBrokerKafka
import SoukBrokerRabbitMQ
import SoukDatabasePostgres
import SoukEnv
import SoukRPCRuntime
import SoukTesting
import Testing

@testable import SoukServers

@Suite struct ServersConfigurationTests {
    private func configuration(_ values: [String: String]) -> ServersConfiguration {
        ServersConfiguration(environment: Environment(values: values))
    }

    @Test func databasesAreNamedByTheirService() throws {
        let options = try configuration([
            "SOUK_ORDER_DATABASE_URL": "postgres://order@db:5433/order",
            "SOUK_ORDER_DATABASE_PASSWORD": "hush", "SOUK_DATABASE_POOL_SIZE": "3",
        ]).database(of: "order")
        #expect(options.poolSize == 3)
        #expect(options.password == "hush")
        #expect(!"\(options)".contains("hush"))
    }

    @Test func aDatabaseMustBeNamed() {
        #expect(throws: ConfigurationError("SOUK_VENDOR_DATABASE_URL", "is not set")) {
            _ = try configuration([:]).database(of: "vendor")
        }
    }

    @Test(arguments: [[:], ["SOUK_TRUSTED_PROXIES": ""], ["SOUK_TRUSTED_PROXIES": " , "]])
    func aServiceMustKnowItsGateways(values: [String: String]) {
        let error = #expect(throws: ConfigurationError.self) {
            try configuration(values).checkTrustedProxies()
        }
        #expect(error?.name == "SOUK_TRUSTED_PROXIES")
        #expect(error?.problem.contains("the addresses of the gateways") == true)
    }

    @Test func namedGatewaysAreEnough() throws {
        try configuration(["SOUK_TRUSTED_PROXIES": "10.0.0.0/8"]).checkTrustedProxies()
    }

    @Test(arguments: ["nonsense://x:secret@y", "postgres://user:secret@host/db?nonsense=1"])
    func aMalformedURLIsRefusedWithoutBeingQuoted(url: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try configuration(["SOUK_ORDER_DATABASE_URL": url]).database(of: "order")
        }
        #expect(error?.name == "SOUK_ORDER_DATABASE_URL")
        #expect(error?.description.contains("secret") == false)
    }

    @Test(arguments: [
        ("embedded", "souk"), ("pigeons", "rabbitmq, kafka, embedded"),
    ])
    func brokersThatProcessesCannotUseAreRefused(name: String, hint: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try configuration(["SOUK_BROKER": name]).broker(groups: [:])
        }
        #expect(error?.name == "SOUK_BROKER")
        #expect(error?.problem.contains(hint) == true)
    }

    @Test func brokersOpenWithoutTheirServer() async throws {
        let rabbitmq = try configuration([
            "SOUK_BROKER": "rabbitmq", "SOUK_RABBITMQ_URL": "amqp://souk@127.0.0.1:1/",
        ]).broker(groups: ["order": ["payments"]])
        await rabbitmq.close()
        let kafka = try configuration(["SOUK_BROKER": "kafka", "SOUK_KAFKA_BROKERS": "127.0.0.1:1"]).broker(
            groups: [:])
        await kafka.close()
    }

    private static let kafkaVariables: [(String, String, @Sendable (KafkaOptions) -> Bool)] = [
        ("SOUK_KAFKA_BROKERS", "a:1,b:2", { $0.brokers == ["a:1", "b:2"] }),
        ("SOUK_KAFKA_PREFIX", "shop-1.", { $0.prefix == "shop-1." }),
        ("SOUK_KAFKA_SECURITY_PROTOCOL", "ssl", { $0.securityProtocol == .ssl }),
        ("SOUK_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext", { $0.securityProtocol == .saslPlaintext }),
        ("SOUK_KAFKA_SECURITY_PROTOCOL", "sasl_ssl", { $0.securityProtocol == .saslSSL }),
        ("SOUK_KAFKA_SASL_MECHANISM", "PLAIN", { $0.saslMechanism == .plain }),
        ("SOUK_KAFKA_SASL_MECHANISM", "SCRAM-SHA-256", { $0.saslMechanism == .scramSHA256 }),
        ("SOUK_KAFKA_USERNAME", "souk", { $0.username == "souk" }),
        ("SOUK_KAFKA_PASSWORD", "hush", { $0.password?.reveal() == "hush" }),
        ("SOUK_KAFKA_CA_FILE", "/tls/ca.pem", { $0.caFile == "/tls/ca.pem" }),
        ("SOUK_KAFKA_CERT_FILE", "/tls/souk.pem", { $0.certificateFile == "/tls/souk.pem" }),
        ("SOUK_KAFKA_KEY_FILE", "/tls/souk.key", { $0.keyFile == "/tls/souk.key" }),
        ("SOUK_KAFKA_PARTITIONS", "3", { $0.partitions == 3 }),
        ("SOUK_KAFKA_REPLICATION_FACTOR", "2", { $0.replicationFactor == 2 }),
    ]

    @Test(arguments: kafkaVariables.indices) func everyVariableOfKafkaArrives(_ index: Int) throws {
        let (name, value, hasArrived) = Self.kafkaVariables[index]
        #expect(try hasArrived(configuration([name: value]).kafka()), "\(name)")
        #expect(try !hasArrived(configuration([:]).kafka()), "\(name) is the default")
        #expect(try !"\(configuration([name: value]).kafka())".contains("hush"))
    }

    private static let rabbitMQVariables: [(String, String, @Sendable (RabbitMQOptions) -> Bool)] = [
        ("SOUK_RABBITMQ_URL", "amqps://souk@a:1,b/market", { $0.usesTLS && $0.user == "souk" }),
        ("SOUK_RABBITMQ_URL", "amqp://souk@a:1,b/market", { $0.virtualHost == "market" }),
        ("SOUK_RABBITMQ_URL", "amqp://souk@a:1,b/", { $0.hosts.map(\.name) == ["a", "b"] }),
        ("SOUK_RABBITMQ_PASSWORD", "hush", { $0.password == "hush" }),
        ("SOUK_RABBITMQ_CA_FILE", "/tls/ca.pem", { $0.authorityFile == "/tls/ca.pem" }),
        ("SOUK_RABBITMQ_CERT_FILE", "/tls/souk.pem", { $0.certificateFile == "/tls/souk.pem" }),
        ("SOUK_RABBITMQ_KEY_FILE", "/tls/souk.key", { $0.keyFile == "/tls/souk.key" }),
        ("SOUK_RABBITMQ_PARTITIONS", "3", { $0.partitions == 3 }),
    ]

    @Test(arguments: rabbitMQVariables.indices) func everyVariableOfRabbitMQArrives(_ index: Int) throws {
        let (name, value, hasArrived) = Self.rabbitMQVariables[index]
        #expect(try hasArrived(configuration([name: value]).rabbitMQ(groups: [:])), "\(name)")
        #expect(try !hasArrived(configuration([:]).rabbitMQ(groups: [:])), "\(name) is the default")
    }

    @Test(arguments: [
        ("SOUK_KAFKA_SECURITY_PROTOCOL", "tls"), ("SOUK_KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("SOUK_KAFKA_PARTITIONS", "0"), ("SOUK_KAFKA_REPLICATION_FACTOR", "-1"), ("SOUK_KAFKA_BROKERS", "a"),
    ])
    func aWrongValueForKafkaIsNamed(name: String, value: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try configuration([name: value]).kafka() }
        #expect(error?.name == name)
    }

    @Test func peersAreOnThisMachineUnlessSaidOtherwise() throws {
        #expect(try configuration([:]).addresses(of: "shelf", port: 9103).description == "127.0.0.1:9103")
        let elsewhere = configuration(["SOUK_SHELF_GRPC_ADDRESS": "a:1,b:2"])
        #expect(try elsewhere.addresses(of: "shelf", port: 9103).description == "a:1,b:2")
        #expect(throws: ConfigurationError.self) {
            _ = try configuration([:]).addresses(of: "shelf", port: nil)
        }
    }

    @Test func mutualTLSNeedsAllItsFiles() throws {
        #expect(try configuration([:]).tls() == nil)
        #expect(throws: ConfigurationError.self) {
            _ = try configuration(["SOUK_GRPC_TLS_CERT_FILE": "/dev/null"]).tls()
        }
    }

    @Test func theFolderOfKeysMustBeThere() throws {
        #expect(throws: ConfigurationError("SOUK_SERVICE_KEYS_DIR", "is not set")) {
            _ = try configuration([:]).keyRing(of: "order")
        }
        for path in ["/nowhere", "/dev/null"] {
            let error = #expect(throws: ConfigurationError.self) {
                _ = try configuration(["SOUK_SERVICE_KEYS_DIR": path]).keyRing(of: "order")
            }
            #expect(error?.name == "SOUK_SERVICE_KEYS_DIR")
        }
        let folder = try TemporaryFolder()
        _ = try configuration(["SOUK_SERVICE_KEYS_DIR": folder.path("")]).keyRing(of: "order")
    }

    @Test func anIdentityIsNeeded() {
        #expect(throws: ConfigurationError("SOUK_SERVICE_KEY_FILE", "is not set")) {
            _ = try configuration([:]).identity(of: "order")
        }
        #expect(throws: ConfigurationError.self) {
            _ = try configuration(["SOUK_SERVICE_KEY_FILE": "/nowhere.pem"]).identity(of: "order")
        }
    }
}
