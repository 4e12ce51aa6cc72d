import Hummingbird
import Logging
import ServiceLifecycle
import SoukHTTP
import SoukSupervisor
import SoukTime

/// An HTTP server of a host: on shutdown it stops accepting at once and gives running requests a while to finish.
struct HTTPServerService: Service, CustomStringConvertible {
    let description: String
    let frontend: any HTTPFrontend
    let responder: any HTTPResponder<SoukRequestContext>
    let socket: ListeningSocket
    let drainTimeout: Duration
    let clock: any WallClock
    let logger: Logger
    var onListening: @Sendable () -> Void = {}
    var onShutdown: @Sendable () -> Void = {}

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await frontend.serve(responder, on: socket, onListening: onListening) }
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
            onShutdown()
        }
    }
}
