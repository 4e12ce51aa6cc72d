import ArgumentParser
import Foundation
import SoukEnv
import SoukService

/// The whole marketplace in one process.
@main
struct Souk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "souk",
        abstract: "Runs the whole marketplace in one process: no server to install.",
        discussion: """
            Configured by SOUK_* environment variables, or a .env file in the working directory; every NAME can also be
            given as NAME_FILE, a file that holds the value. docs/operations.md lists them all.

            Exit status: 0 after a graceful stop; 2 for wrong usage or configuration; 1 for anything else.
            """,
        subcommands: [Serve.self, Migrate.self, ListRoutes.self],
        defaultSubcommand: Serve.self)

    /// Runs the command line. What stops it becomes one line on standard error and the exit status.
    static func main() async {
        ProcessMemory.giveBackToSystem()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            fail(error)
        }
    }

    private static func fail(_ error: any Error) -> Never {
        guard exitCode(for: error) != .success else { exit(withError: error) }
        let isUsage = exitCode(for: error) == .validationFailure
        let line = isUsage ? fullMessage(for: error) : "souk: \(error)"
        FileHandle.standardError.write(Data("\(line)\n".utf8))
        exit(withError: ExitCode(isUsage || error is ConfigurationError ? 2 : 1))
    }
}
