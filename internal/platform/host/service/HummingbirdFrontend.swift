import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import SoukHTTP
import SoukSupervisor
import Synchronization

/// Hummingbird's HTTP/1.1 on a socket that listens already, for services that only the gateway calls and for operations.
struct HummingbirdFrontend: HTTPFrontend {
    /// Connections at one time; more wait in the kernel's queue.
    private static let maxConnections = 4_096
    /// A connection on which nothing happens is closed.
    private static let idleTimeout: TimeAmount = .seconds(75)

    let logger: Logger

    func serve(
        _ responder: any HTTPResponder<SoukRequestContext>, on socket: ListeningSocket,
        onListening: @escaping @Sendable () -> Void
    ) async throws {
        let http = connections(responder)
        let open = OpenChannels()
        let listening = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AvailableConnectionsChannelHandler(maxConnections: Self.maxConnections))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(socket.descriptor) { [logger] channel in
                open.add(channel)
                return http.setup(channel: channel, logger: logger)
            }
        socket.restoreBacklog()
        try await withGracefulShutdownHandler {
            onListening()
            try await withThrowingDiscardingTaskGroup { group in
                try await listening.executeThenClose { inbound in
                    for try await connection in inbound {
                        group.addTask { [logger] in await http.handle(value: connection, logger: logger) }
                    }
                }
            }
        } onGracefulShutdown: {
            listening.channel.close(promise: nil)
            open.quiesce()
        }
    }

    private func connections(_ responder: any HTTPResponder<SoukRequestContext>) -> HTTP1Channel {
        let date = DateField()
        return HTTP1Channel(
            responder: { [logger] request, writer, channel in
                let context = SoukRequestContext(
                    source: ApplicationRequestContextSource(channel: channel, logger: logger))
                var response: Response
                do {
                    response = try await responder.respond(to: request, context: context)
                } catch let error as HTTPParserError {
                    throw error
                } catch {
                    response = Response(status: .internalServerError)
                }
                response.headers[.date] = date.value
                do {
                    try await writer.write(response: response.head, body: response.body)
                } catch is HTTPParserError {
                    // As it is it would be answered once more.
                    throw ChannelError.inputClosed
                }
            },
            configuration: HTTP1Channel.Configuration(
                idleTimeout: Self.idleTimeout,
                // Above what the middleware takes, so that it can say 431 instead of dropping the connection.
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 256)))
    }
}

/// The connections that are open.
private final class OpenChannels: Sendable {
    private struct State {
        var isQuiescing = false
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = Mutex(State())

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isQuiescing = state.withLock { state in
            state.channels[id] = channel
            return state.isQuiescing
        }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.channels[id] = nil } }
        if isQuiescing { channel.close(promise: nil) }
    }

    /// Has each close as soon as no request runs on it.
    func quiesce() {
        let channels = state.withLock { state in
            state.isQuiescing = true
            return Array(state.channels.values)
        }
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }
}
