import GRPCCore
import NIOCore
package import GRPCNIOTransportHTTP2Posix
package import SoukEnv

/// A client over HTTP/2.
package typealias HTTP2Peer = RPCPeer<HTTP2ClientTransport.Posix>

extension HTTP2Peer {
    /// A client over HTTP/2 that spreads calls over all addresses in turn.
    ///
    /// With TLS the peers' certificates must carry the name of the first address, or its number.
    /// Throws: `ConfigurationError` when the files for TLS can't be used.
    package convenience init(
        name: String, addresses: PeerAddresses, identity: ServiceIdentity?,
        options: RPCPeerOptions = RPCPeerOptions()
    ) throws(ConfigurationError) {
        let resolver = PeerResolver(addresses)
        var registry = NameResolverRegistry()
        registry.registerFactory(PeerResolverFactory())
        let config = HTTP2ClientTransport.Posix.Config.defaults {
            $0.backoff = .init(initial: .milliseconds(100), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
            // Of several connections one that was closed for being idle would not be opened again.
            $0.connection.maxIdleTime = nil
            $0.connection.keepalive = .init(
                time: options.keepalive, timeout: .seconds(5), allowWithoutCalls: false)
            $0.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionWatcher(resolver), position: .first)
                }
            }
        }
        var serviceConfig = ServiceConfig()
        serviceConfig.loadBalancingConfig = [.roundRobin]
        let transport: HTTP2ClientTransport.Posix
        do {
            transport = try HTTP2ClientTransport.Posix(
                target: PeerResolverFactory.Target(resolver: resolver),
                transportSecurity: options.tls?.client ?? .plaintext, config: config,
                resolverRegistry: registry, serviceConfig: serviceConfig)
        } catch {
            throw ConfigurationError("SOUK_GRPC_TLS_CERT_FILE", "TLS can't be set up: \(error)")
        }
        self.init(name: name, transport: transport, identity: identity, options: options, resolver: resolver)
    }
}
