import NIOCore
import NIOSSL

/// Puts the handlers of a new connection together.
struct ConnectionSetup: Sendable {
    let tls: TLSContexts?

    /// On the connection's event loop.
    func configure(_ channel: any Channel, state: EventLoopState) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
        let peer = ClientPeer(channel.remoteAddress, isTLS: tls != nil, policy: state.policy)
        try pipeline.addHandler(ProtocolDetection(state: state, peer: peer))
    }
}
