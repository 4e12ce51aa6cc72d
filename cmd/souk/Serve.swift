import ArgumentParser
import SoukEmbedded
import SoukEnv
import SoukProcess
import SoukService

/// Starts every service and serves until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serves until SIGTERM or SIGINT (the default).")

    @OptionGroup var options: MarketplaceOptions
    @Option(help: "Port to listen on, 0 for a free one; SOUK_PORT otherwise, or 8080.")
    var port: Int?
    @OptionGroup var supervision: SupervisionOptions

    func run() async throws {
        let startedAt = ContinuousClock.now
        var configuration = try options.configuration()
        if let port {
            guard (0...65_535).contains(port) else {
                throw ConfigurationError("--port", "\(port) is not a whole number from 0 to 65535")
            }
            configuration.server.port = port
        }
        if supervision.noSupervisor { configuration.server.isSupervised = false }
        let server = SupervisedServer(
            "souk", configuration.server, crashDirectory: configuration.crashDirectory)
        try await server.run(startedAt: startedAt) { [configuration] sockets, startedAt in
            try await configuration.compose(sockets).run(on: sockets, startedAt: startedAt)
        }
    }
}

/// Brings every database up to date and ends.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Brings every database up to date and ends.")

    @OptionGroup var options: MarketplaceOptions

    func run() async throws {
        try await options.configuration().compose().migrate()
    }
}
