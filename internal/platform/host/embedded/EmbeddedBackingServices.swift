import Logging
package import SoukBroker
import SoukBrokerEmbedded
package import SoukCache
package import SoukDatabase
import SoukDatabaseSQLite
package import SoukEnv
package import SoukProcess
package import SoukService

/// SQLite databases and the embedded broker in a data directory: this process is the whole system and needs no server.
package struct EmbeddedBackingServices: BackingServices {
    package var cache: (any Cache)? { nil }
    package var remote: (any RemoteServices)? { nil }
    package let waitsForDependencies = false
    package let probes: [ReadinessProbe] = []

    private let directory: DataDirectory
    private let address: ProcessAddress
    private let configuration: EmbeddedConfiguration

    /// Takes the data directory for this process.
    ///
    /// - Throws: `StartupError` when it can't be used.
    package init(_ configuration: EmbeddedConfiguration) throws {
        self.configuration = configuration
        directory = try DataDirectory(configuration.dataDirectory)
        address = ProcessAddress(configuration)
    }

    package var publicURL: @Sendable () -> String { { [address] in address.publicURL } }

    package var callbackURL: @Sendable () -> String { { [address] in address.localURL } }

    package func database(_ name: String) async throws -> any Database {
        try await SQLiteDatabase.open(path: directory.file("\(name).sqlite"), options: configuration.sqlite)
    }

    package func broker(groups: [String: Set<String>]) async throws -> any Broker {
        try await EmbeddedBroker.open(path: directory.file("events.sqlite"))
    }

    package func directory(_ name: String) -> String? { directory.file(name) }

    package func secret(_ name: String) throws -> Secret<String>? { try directory.secret(name) }

    /// Writes the addresses into the data directory, for scripts.
    package func didStart(_ name: String, _ ready: ServiceHost.Ready) {
        address.listens(on: ready.port)
        do {
            try directory.announce(
                url: address.publicURL, operationsURL: ready.operationsPort.map(address.operationsURL),
                startDuration: ready.startDuration)
        } catch {
            Logger(label: name).warning("souk.url could not be written", metadata: ["error": "\(error)"])
        }
    }

    package func close() async {}
}
