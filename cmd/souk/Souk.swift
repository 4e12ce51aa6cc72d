import ArgumentParser
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
        subcommands: [Serve.self, Migrate.self, ListRoutes.self, Describe.self],
        defaultSubcommand: Serve.self)

    static func main() async { await runProgram("souk") }
}
