import ArgumentParser
import Foundation
import Logging
import Metrics
import SoukSupervisor

/// Runs a server under a supervisor of its own, or without one where somebody else supervises it.
package struct SupervisedServer {
    private let name: String
    private let configuration: HostConfiguration
    private let grpcPort: Int?
    private let crashDirectory: String?

    /// - Parameters:
    ///   - name: the program's, for the log.
    ///   - grpcPort: nil for a process that serves no gRPC.
    ///   - crashDirectory: where crashes are described unless `SOUK_CRASH_DIR` says so; nil for standard error.
    package init(
        _ name: String, _ configuration: HostConfiguration, grpcPort: Int? = nil,
        crashDirectory: String? = nil
    ) {
        self.name = name
        self.configuration = configuration
        self.grpcPort = grpcPort
        self.crashDirectory = configuration.crashDirectory ?? crashDirectory
    }

    /// Calls `serve` in the process that is to serve, with its sockets and the instant since when it is waited for. The
    /// supervisor itself never does so: it ends with the exit status of what it supervises.
    ///
    /// - Throws: `StartupError` when an address can't be listened on, `SupervisorError`, and what `serve` throws.
    package func run(
        startedAt: ContinuousClock.Instant,
        _ serve: (HostSockets, _ startedAt: ContinuousClock.Instant) async throws -> Void
    ) async throws {
        guard let supervised = SupervisedProcess.current else {
            let sockets = try HostSockets.bind(configuration, grpcPort: grpcPort)
            guard configuration.isSupervised else { return try await serve(sockets, startedAt) }
            exit(try supervisor(of: sockets).run())
        }
        guard
            let sockets = HostSockets(
                inherited: supervised.sockets, configuration, grpc: grpcPort != nil)
        else { throw StartupError("the supervisor handed over other sockets than are configured") }
        try await serve(sockets, supervised.awaySince)
    }

    private func supervisor(of sockets: HostSockets) -> Supervisor {
        let logger = Logger(label: "souk.supervisor")
        return Supervisor(sockets: sockets.named, crashes: crashDirectory.map { CrashFolder(path: $0) }) {
            crash in
            logger.error(
                "\(name) ended by a signal and is started again",
                metadata: [
                    "signal": "\(crash.signal)", "pid": "\(crash.pid)", "restarts": "\(crash.count)",
                    "runtime_ms": "\(Int(crash.runtime / .milliseconds(1)))",
                    "delay_ms": "\(Int(crash.delay / .milliseconds(1)))",
                    "backtrace": "\(crash.file ?? "none")",
                ])
        }
    }

    /// Counts the starts that followed a crash as `souk_process_restarts_total`; once metrics are set up.
    package static func countRestarts() {
        Counter(label: "souk_process_restarts_total").increment(by: SupervisedProcess.current?.restarts ?? 0)
    }
}

/// Options of every command that serves.
package struct SupervisionOptions: ParsableArguments {
    @Flag(
        help:
            "Run without a supervisor of its own, under systemd or Kubernetes; SOUK_SUPERVISOR=off does the same."
    )
    package var noSupervisor = false

    package init() {}
}
