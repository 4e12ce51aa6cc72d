import Logging
import NIOCore
import NIOPosix
import SoukHTTP
import SoukSupervisor
import Synchronization

/// The gateway's own HTTP server: event loops that take connections and pass requests on.
final class GatewayServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let states: [EventLoopState]
    private let setup: ConnectionSetup
    private let channel = Mutex<(any Channel)?>(nil)

    init(policy: CompiledPolicy, runtime: GatewayRuntime, tls: TLSContexts?, threads: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        states = group.makeIterator().map {
            EventLoopState(loop: $0, gateway: runtime, policy: policy, loops: threads)
        }
        setup = ConnectionSetup(tls: tls)
    }

    /// Takes connections from the socket.
    func start(on socket: ListeningSocket, maxConnections: Int) async throws {
        for state in states { state.loop.execute { state.start() } }
        let byLoop = Dictionary(uniqueKeysWithValues: states.map { (ObjectIdentifier($0.loop), $0) })
        let setup = setup
        let limit = max(1, maxConnections)
        let listening = try await ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionLimit(limit))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Whoever holds back what follows gets no further buffers that were read already.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let state = byLoop[ObjectIdentifier(channel.eventLoop)] else { return }
                    try setup.configure(channel, state: state)
                }
            }
            .withBoundSocket(socket.descriptor).get()
        socket.restoreBacklog()
        channel.withLock { $0 = listening }
    }

    /// New requests follow another policy.
    func follow(_ policy: CompiledPolicy) {
        for state in states { state.loop.execute { state.follow(policy) } }
    }

    /// Takes no more connections, and no more requests on those that wait.
    func drain() async {
        let listening = channel.withLock { channel in
            defer { channel = nil }
            return channel
        }
        try? await listening?.close().get()
        for state in states { state.loop.execute { state.drain() } }
    }

    /// Whether no connection is left.
    func isIdle() async -> Bool {
        for state in states {
            let isIdle = (try? await state.loop.submit { state.isIdle }.get()) ?? true
            guard isIdle else { return false }
        }
        return true
    }

    /// Ends whatever still runs, and the event loops.
    func stop() async {
        await drain()
        for state in states {
            _ = try? await state.loop.submit {
                state.cut()
                state.stop()
            }.get()
        }
        try? await group.shutdownGracefully()
    }
}
