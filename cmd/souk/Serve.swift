import ArgumentParser
import Foundation
import SoukService

/// Starts every service and serves until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serves until SIGTERM or SIGINT (the default).")

    @OptionGroup var options: MarketplaceOptions
    @Option(help: "Port to listen on, 0 for a free one; SOUK_PORT otherwise, or 8080.")
    var port: Int?

    func run() async throws {
        let startedAt = ContinuousClock.now
        ProcessMemory.giveBackToSystem()
        try await reportingFailure {
            var configuration = try options.configuration()
            if let port { configuration.port = try configuration.checked(port: port) }
            let marketplace = try await Marketplace.open(configuration)
            try await marketplace.run(startedAt: startedAt)
        }
    }
}

/// Brings every database up to date and ends.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Brings every database up to date and ends.")

    @OptionGroup var options: MarketplaceOptions

    func run() async throws {
        try await reportingFailure {
            let marketplace = try await Marketplace.open(try options.configuration())
            try await marketplace.migrate()
        }
    }
}

/// Prints every route that is served.
struct ListRoutes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes", abstract: "Prints every route as METHOD PATH, a line each, and ends.")

    func run() async throws {
        try await reportingFailure {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "souk-routes-\(UUID())")
            defer { try? FileManager.default.removeItem(at: folder) }
            var configuration = try MarketplaceOptions.parse([]).configuration()
            configuration.dataDirectory = folder.path
            let marketplace = try await Marketplace.open(configuration)
            for route in marketplace.routes { print(route) }
            await marketplace.close()
        }
    }
}
