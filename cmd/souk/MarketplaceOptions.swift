import ArgumentParser
import Foundation
import Logging
import SoukEnv
import SoukLogger

/// Options that every command takes.
struct MarketplaceOptions: ParsableArguments {
    @Option(help: "Folder for databases, keys and e-mails; SOUK_DATA_DIR otherwise, or ./.souk.")
    var data: String?

    /// Reads the environment and sets up logging.
    func configuration() throws(ConfigurationError) -> MarketplaceConfiguration {
        let environment = try Environment.load()
        var configuration = try MarketplaceConfiguration(environment)
        if let data { configuration.dataDirectory = data }
        SoukLogging.bootstrap(level: configuration.logLevel, format: configuration.logFormat, service: "souk")
        return configuration
    }
}

/// Runs the body; what stops it becomes one line on standard error and the exit status: 2 for a wrong configuration, 1
/// for anything else.
func reportingFailure(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as ConfigurationError {
        throw failure(error, status: 2)
    } catch {
        throw failure(error, status: 1)
    }
}

private func failure(_ error: any Error, status: Int32) -> ExitCode {
    FileHandle.standardError.write(Data("souk: \(error)\n".utf8))
    return ExitCode(status)
}
