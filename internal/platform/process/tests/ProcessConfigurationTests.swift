import Foundation
import SoukBroker
import SoukDatabasePostgres
import SoukEnv
import SoukRPCRuntime
import SoukTesting
import Testing

@testable import SoukProcess

@Suite struct ProcessConfigurationTests {
    private func configuration(_ values: [String: String]) -> ProcessConfiguration {
        ProcessConfiguration(environment: Environment(values: values))
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

    @Test func peersAreOnThisMachineUnlessSaidOtherwise() throws {
        #expect(try configuration([:]).addresses(of: "vendor").description == "127.0.0.1:9103")
        let elsewhere = configuration(["SOUK_VENDOR_GRPC_ADDRESS": "a:1,b:2"])
        #expect(try elsewhere.addresses(of: "vendor").description == "a:1,b:2")
        #expect(throws: ConfigurationError.self) { _ = try configuration([:]).addresses(of: "stranger") }
    }

    @Test func mutualTLSNeedsAllItsFiles() throws {
        #expect(try configuration([:]).tls() == nil)
        #expect(throws: ConfigurationError.self) {
            _ = try configuration(["SOUK_GRPC_TLS_CERT_FILE": "/dev/null"]).tls()
        }
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
