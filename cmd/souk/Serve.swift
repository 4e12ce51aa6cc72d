import ArgumentParser
import SoukService
import Foundation

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
        if let port { configuration.server.port = try configuration.checked(port: port) }
        if supervision.noSupervisor { configuration.server.isSupervised = false }
        let server = SupervisedServer(
            "souk", configuration.server,
            crashDirectory: DataDirectory.crashes(in: configuration.dataDirectory))
        try await server.run(startedAt: startedAt) { [configuration] sockets, startedAt in
            try await Marketplace.open(configuration).run(on: sockets, startedAt: startedAt)
        }
    }
}

/// Brings every database up to date and ends.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Brings every database up to date and ends.")

    @OptionGroup var options: MarketplaceOptions

    func run() async throws {
        try await Marketplace.open(try options.configuration()).migrate()
    }
}

/// Prints every route that is served.
struct ListRoutes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes", abstract: "Prints every route as METHOD PATH, a line each, and ends.")

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("souk-routes-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = try MarketplaceOptions.parse([]).configuration()
        configuration.dataDirectory = folder.path
        let marketplace = try await Marketplace.open(configuration)
        for route in marketplace.routes { print(route) }
        await marketplace.close()
    }
}
