package import ArgumentParser
import SoukService

/// The command line of a service's executable.
package struct ProcessCommand<Definition: ProcessDefinition>: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: executable,
            abstract: Definition.abstract,
            discussion: """
                Configured by SOUK_* environment variables, or a .env file in the working directory; every NAME can \
                also be given as NAME_FILE, a file that holds the value. docs/operations.md lists them all.

                Servers and services that it needs may be away when it starts: it listens, says on /readyz what it \
                waits for, and comes up by itself.

                Exit status: 0 after a graceful stop; 2 for wrong usage or configuration; 1 for anything else.
                """,
            subcommands: [Serve.self, Migrate.self], defaultSubcommand: Serve.self)
    }

    package init() {}

    /// Runs the command line.
    package static func main() async { await runProgram(executable) }

    private static var executable: String {
        Definition.name == "gateway" ? "gateway" : "\(Definition.name)-service"
    }

    struct Serve: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "serve", abstract: "Serves until SIGTERM or SIGINT (the default).")
        }

        @OptionGroup var supervision: SupervisionOptions

        func run() async throws {
            try await ServiceProcess.serve(Definition.self, isSupervised: !supervision.noSupervisor)
        }
    }

    struct Migrate: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "migrate", abstract: "Brings the service's databases up to date and ends.")
        }

        func run() async throws {
            try await ServiceProcess.migrate(Definition.self)
        }
    }
}
