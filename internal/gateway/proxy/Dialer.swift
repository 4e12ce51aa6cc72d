import NIOCore
import NIOPosix

/// Opens connections to services.
protocol Dialer: Sendable {
    /// - Parameter initializer: puts the handlers together, before the connection is made.
    /// - Returns: the connected channel; fails with what prevented it.
    func dial(
        _ address: SocketAddress, on loop: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>
}

/// TCP.
struct SocketDialer: Dialer {
    func dial(
        _ address: SocketAddress, on loop: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(timeout)
            .channelInitializer(initializer)
            .connect(to: address)
    }
}
