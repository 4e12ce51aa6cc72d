import CoreMetrics
import NIOCore
import NIOSSL

/// Puts the handlers of a new connection together.
struct ConnectionSetup: Sendable {
    let tls: TLSContexts?

    /// On the connection's event loop.
    ///
    /// - Throws: ``ConnectionRefused`` where the client has as many connections as it may; the channel is closed then.
    func configure(_ channel: any Channel, state: EventLoopState) throws {
        let pipeline = channel.pipeline.syncOperations
        let peer = ClientPeer(
            channel.remoteAddress, isTLS: tls != nil, policy: state.policy, budgets: state.gateway.budgets)
        if let budget = peer.connectionBudget {
            guard budget.connections.take(1, of: state.policy.connectionPart) else {
                state.gateway.refusals.connections.increment()
                throw ConnectionRefused()
            }
            channel.closeFuture.whenComplete { _ in budget.connections.giveBack(1) }
        }
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
        try pipeline.addHandler(ProtocolDetection(state: state, peer: peer))
    }
}

/// A client wants more connections than its part of them.
struct ConnectionRefused: Error {}
