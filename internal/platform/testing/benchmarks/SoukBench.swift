import ArgumentParser
import Foundation

/// Our own drivers in the loops that `scripts/bench` compares with their peers; not part of the product.
@main
struct SoukBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "souk-bench",
        abstract: "Drives Souk's own drivers in loops, and prints a line of JSON for each measurement.",
        discussion: "Run by scripts/bench, which starts the servers and the peers to compare with.",
        subcommands: [
            PostgresBench.self, CacheBench.self, RabbitMQBench.self, KafkaBench.self, EventsBench.self,
            TokensBench.self,
        ])
}

/// Where a server is, and the file that holds the password.
struct ServerOptions: ParsableArguments {
    @Option(help: "Address of the server.")
    var url: String

    @Option(help: "File that holds the password.")
    var passwordFile: String?

    /// The password, nil where no file was named.
    var password: String? {
        get throws { try passwordFile.map(Self.read) }
    }

    static func read(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("\(path) can't be read")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
