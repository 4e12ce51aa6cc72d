import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SoukHTTP

/// Hummingbird's own HTTP/1.1 server, for services that only the gateway calls.
struct HummingbirdFrontend: HTTPFrontend {
    /// Connections at one time; more wait in the kernel's queue.
    private static let maxConnections = 4_096
    /// A connection on which nothing happens is closed.
    private static let idleTimeout: TimeAmount = .seconds(75)

    let logger: Logger

    func serve(
        _ responder: any HTTPResponder<SoukRequestContext>, host: String, port: Int,
        onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        let application = Application(
            responder: AnyResponder(responder: responder),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: Self.idleTimeout,
                    // Above what the middleware takes, so that it can say 431 instead of dropping the connection.
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 256))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maxConnections)),
            onServerRunning: { channel in
                onListening(channel.localAddress?.port ?? port)
            },
            logger: logger)
        try await application.run()
    }

    /// `Application` wants to know the responder's type.
    private struct AnyResponder: HTTPResponder {
        typealias Context = SoukRequestContext

        let responder: any HTTPResponder<SoukRequestContext>

        func respond(to request: Request, context: SoukRequestContext) async throws -> Response {
            try await responder.respond(to: request, context: context)
        }
    }
}
