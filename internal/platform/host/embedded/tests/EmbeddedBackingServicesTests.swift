import SoukEnv
import SoukService
import SoukTesting
import Testing

@testable import SoukEmbedded

@Suite struct EmbeddedBackingServicesTests {
    private func configuration(_ values: [String: String] = [:]) throws -> EmbeddedConfiguration {
        try EmbeddedConfiguration(Environment(values: values), port: 8080)
    }

    @Test func otherBrokersNeedOtherProcesses() throws {
        #expect { _ = try configuration(["SOUK_BROKER": "kafka"]) } throws: {
            ($0 as? ConfigurationError)?.name == "SOUK_BROKER"
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "http://127.0.0.1:99"), ("0.0.0.0", "http://127.0.0.1:99"), ("::", "http://[::1]:99"),
        ("souk.test", "http://souk.test:99"),
    ])
    func theAddressIsOneThatThisMachineReaches(host: String, url: String) throws {
        let address = ProcessAddress(try configuration(["SOUK_HOST": host]))
        address.listens(on: 99)
        #expect(address.localURL == url)
        #expect(address.publicURL == url)
    }

    @Test func clientsMayComeAnotherWay() throws {
        let address = ProcessAddress(try configuration(["SOUK_PUBLIC_URL": "https://souk.example"]))
        #expect(address.publicURL == "https://souk.example")
        #expect(address.localURL == "http://127.0.0.1:8080")
    }

    @Test func aDirectoryBelongsToOneProcess() throws {
        let folder = try TemporaryFolder()
        let configuration = try configuration(["SOUK_DATA_DIR": folder.path("data")])
        let backing = try EmbeddedBackingServices(configuration)
        #expect(throws: StartupError.self) { _ = try EmbeddedBackingServices(configuration) }
        #expect(backing.directory("mail") == folder.path("data") + "/mail")
    }

    @Test func aSecretIsTheSameNextTime() throws {
        let folder = try TemporaryFolder()
        let configuration = try configuration(["SOUK_DATA_DIR": folder.path("data")])
        func secret() throws -> String? { try EmbeddedBackingServices(configuration).secret("key")?.reveal() }
        let first = try #require(try secret())
        #expect(first.utf8.count >= 32)
        #expect(try secret() == first)
    }
}
