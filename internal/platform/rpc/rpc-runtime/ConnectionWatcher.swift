import NIOCore

/// Tells a resolver when a connection that was there has ended. Attempts that came to nothing are gRPC's to repeat.
final class ConnectionWatcher: ChannelInboundHandler {
    typealias InboundIn = Any

    private let resolver: PeerResolver
    private var address: String?

    init(_ resolver: PeerResolver) {
        self.resolver = resolver
    }

    func channelActive(context: ChannelHandlerContext) {
        if let remote = context.remoteAddress, let host = remote.ipAddress, let port = remote.port {
            address = "\(host):\(port)"
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let address = address.take() { resolver.dropped(address) }
        context.fireChannelInactive()
    }
}
