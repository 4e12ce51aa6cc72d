import ArgumentParser
import SoukEmbedded
import SoukEnv
import SoukMarketplace
import SoukProcess
import SoukService

/// Options that every command takes.
struct MarketplaceOptions: ParsableArguments {
    @Option(help: "Directory for databases, keys and e-mails; SOUK_DATA_DIR otherwise, or ./.souk.")
    var data: String?

    /// Reads the environment and sets up logging.
    func configuration() throws(ConfigurationError) -> EmbeddedConfiguration {
        var configuration = try EmbeddedConfiguration(
            try Environment.load(), port: SystemDefinition.marketplace.publicPort ?? 0)
        if let data { configuration.dataDirectory = data }
        configuration.server.bootstrapLogging(service: "souk")
        return configuration
    }
}

extension EmbeddedConfiguration {
    /// Every service of the marketplace in this process.
    func compose(_ sockets: HostSockets? = nil) async throws -> ServiceProcess {
        try await ServiceProcess.compose(
            "souk", .marketplace, on: try EmbeddedBackingServices(self), environment: environment,
            server: server, sockets: sockets)
    }
}
