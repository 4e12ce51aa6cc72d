import ArgumentParser
import SoukEnv
package import SoukProcess
import SoukService

/// The executable of one service.
package protocol ServiceExecutable {
    /// The service's name: `order`.
    static var service: String { get }
    static var system: SystemDefinition { get }
}

extension ServiceExecutable {
    /// Runs the command line.
    package static func main() async {
        await ServiceCommand<Self>.runProgram((try? definition())?.executable ?? service)
    }

    static func definition() throws(StartupError) -> ServiceDefinition { try system.service(service) }
}

/// The command line of a service's executable.
struct ServiceCommand<Executable: ServiceExecutable>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        let definition = try? Executable.definition()
        return CommandConfiguration(
            commandName: definition?.executable, abstract: definition?.abstract ?? "",
            discussion: """
                Configured by SOUK_* environment variables, or a .env file in the working directory; every NAME can \
                also be given as NAME_FILE, a file that holds the value. docs/operations.md lists them all.

                Servers and services that it needs may be unavailable when it starts: it listens, says on /readyz \
                what it waits for, and comes up by itself.

                Exit status: 0 after a graceful stop; 2 for wrong usage or configuration; 1 for anything else.
                """,
            subcommands: [Serve.self, Migrate.self], defaultSubcommand: Serve.self)
    }

    struct Serve: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "serve", abstract: "Serves until SIGTERM or SIGINT (the default).")
        }

        @OptionGroup var supervision: SupervisionOptions

        func run() async throws {
            try await Executable.serve(isSupervised: !supervision.noSupervisor)
        }
    }

    struct Migrate: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "migrate", abstract: "Brings the service's databases up to date and ends.")
        }

        func run() async throws {
            try await Executable.migrate()
        }
    }
}

extension ServiceExecutable {
    /// Reads the configuration and serves until SIGTERM or SIGINT, under a supervisor of its own unless that is switched off.
    ///
    /// - Throws: `ConfigurationError` naming a variable, `StartupError`, `SupervisorError`.
    fileprivate static func serve(isSupervised: Bool) async throws {
        let startedAt = ContinuousClock.now
        let definition = try definition()
        let environment = try Environment.load()
        var server = try configuration(environment, definition)
        if !isSupervised { server.isSupervised = false }
        let grpcPort = try definition.ports.grpc.map {
            try environment.int("SOUK_GRPC_PORT", default: $0, in: 0...65_535)
        }
        try await SupervisedServer(definition.name, server, grpcPort: grpcPort).run(startedAt: startedAt) {
            sockets, startedAt in
            try await compose(environment, server, sockets).run(on: sockets, startedAt: startedAt)
        }
    }

    /// Brings every database up to date.
    ///
    /// - Throws: `ConfigurationError` naming a variable, and one-line errors.
    fileprivate static func migrate() async throws {
        let environment = try Environment.load()
        let server = try configuration(environment, try definition())
        try await compose(environment, server, nil).migrate()
    }

    private static func configuration(
        _ environment: Environment, _ definition: ServiceDefinition
    ) throws(ConfigurationError) -> HostConfiguration {
        let server = try HostConfiguration(environment, port: definition.ports.http)
        server.bootstrapLogging(service: definition.name)
        return server
    }

    private static func compose(
        _ environment: Environment, _ server: HostConfiguration, _ sockets: HostSockets?
    ) async throws -> ServiceProcess {
        let backing = try ServerBackingServices(
            environment, service: service, publicPort: system.publicPort ?? server.port)
        return try await ServiceProcess.compose(
            service, system, services: [service], on: backing, environment: environment, server: server,
            sockets: sockets)
    }
}
