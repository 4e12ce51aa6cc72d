import ArgumentParser
import Foundation
import SoukEmbedded
import SoukEnv
import SoukMarketplace
import SoukProcess

/// Prints every route that is served.
struct ListRoutes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes", abstract: "Prints every route as METHOD PATH, a line each, and ends.")

    func run() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("souk-routes-\(UUID())")
        defer { try? FileManager.default.removeItem(at: directory) }
        var configuration = try MarketplaceOptions.parse([]).configuration()
        configuration.dataDirectory = directory.path
        let process = try await configuration.compose()
        for route in process.routes { print(route) }
        await process.close()
    }
}

/// Prints the definitions of the services, for people and scripts.
struct Describe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints what each service consists of: ports, databases, routes, peers, topics.")

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case executables
    }

    @Argument(help: "Prints only this, a line each: executables.")
    var part: Part?
    @Flag(help: "Prints one JSON document.")
    var json = false

    func run() throws {
        let description = SystemDescription(.marketplace)
        switch part {
        case .executables:
            for service in description.services { print(service.executable) }
        case nil where json:
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(description), as: UTF8.self))
        case nil:
            print(description.services.map(\.text).joined(separator: "\n\n"))
        }
    }
}
