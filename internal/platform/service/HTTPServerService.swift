import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SoukHTTP
import SoukTime

/// The HTTP server of a host: on shutdown it stops accepting at once and gives running requests a while to finish.
struct HTTPServerService: Service, CustomStringConvertible {
    let frontend: any HTTPFrontend
    let responder: HostResponder
    let health: HostHealth
    let host: String
    let port: Int
    let drainTimeout: Duration
    let clock: any WallClock
    let logger: Logger
    /// Is given the port.
    let onListening: @Sendable (Int) -> Void

    var description: String { "HTTP server" }

    func run() async throws {
        do {
            try await serve()
        } catch let error as IOError {
            throw StartupError(binding: host, port, error)
        } catch let error as SocketAddressError {
            throw StartupError(binding: host, port, error)
        }
    }

    private func serve() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await frontend.serve(responder, host: host, port: port, onListening: onListening)
                }
                group.addTask {
                    // Ends the group when the time is up; cancelled when the server has drained before.
                    try await gracefulShutdown()
                    try await clock.sleep(for: drainTimeout)
                    logger.warning("requests cut off at shutdown", metadata: ["after": "\(drainTimeout)"])
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } onGracefulShutdown: {
            health.enter(.stopping)
        }
    }

    /// Binds and lets go again, to learn of an occupied port before anything else is touched.
    ///
    /// Throws: `StartupError` when the address can't be bound.
    static func checkAddress(host: String, port: Int) async throws {
        guard port != 0 else { return }
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            try await channel.close().get()
        } catch {
            throw StartupError(binding: host, port, error)
        }
    }
}
