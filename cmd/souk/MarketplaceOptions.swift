import ArgumentParser
import SoukService
import SoukEnv

/// Options that every command takes.
struct MarketplaceOptions: ParsableArguments {
    @Option(help: "Folder for databases, keys and e-mails; SOUK_DATA_DIR otherwise, or ./.souk.")
    var data: String?

    /// Reads the environment and sets up logging.
    func configuration() throws(ConfigurationError) -> MarketplaceConfiguration {
        let environment = try Environment.load()
        var configuration = try MarketplaceConfiguration(environment)
        if let data { configuration.dataDirectory = data }
        configuration.server.bootstrapLogging(service: "souk")
        return configuration
    }
}
