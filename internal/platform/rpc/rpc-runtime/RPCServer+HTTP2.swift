package import GRPCNIOTransportHTTP2Posix
package import Logging
package import SoukAuthToken
import SoukText

/// A server over HTTP/2.
package typealias HTTP2Server = RPCServer<HTTP2ServerTransport.Posix>

extension HTTP2Server {
    /// A server that listens for HTTP/2 on an IPv4 or IPv6 address; port 0 takes a free one.
    ///
    /// Parameters as in the other initialiser.
    package convenience init(
        host: String, port: Int, services: [RPCService], options: RPCServerOptions = RPCServerOptions(),
        identities: ServiceKeyRing?, verifier: (any TokenVerifier)? = nil,
        accounts: (any AccountGuard)? = nil,
        logger: Logger = Logger(label: "souk.rpc")
    ) {
        self.init(
            transport: HTTP2ServerTransport.Posix(
                address: host.contains(byte: ":")
                    ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port),
                transportSecurity: options.tls?.server ?? .plaintext, config: Self.transport(options)),
            services: services, options: options, identities: identities, verifier: verifier,
            accounts: accounts,
            logger: logger)
    }

    /// A server on a socket that listens already, which it takes over.
    ///
    /// Parameters as in the other initialiser.
    package convenience init(
        descriptor: Int32, services: [RPCService], options: RPCServerOptions = RPCServerOptions(),
        identities: ServiceKeyRing?, verifier: (any TokenVerifier)? = nil,
        accounts: (any AccountGuard)? = nil,
        logger: Logger = Logger(label: "souk.rpc")
    ) {
        self.init(
            transport: HTTP2ServerTransport.Posix(
                listeningSocketDescriptor: Int(descriptor),
                transportSecurity: options.tls?.server ?? .plaintext, config: Self.transport(options)),
            services: services, options: options, identities: identities, verifier: verifier,
            accounts: accounts, logger: logger)
    }

    private static func transport(_ options: RPCServerOptions) -> HTTP2ServerTransport.Posix.Config {
        .defaults {
            $0.rpc.maxRequestPayloadSize = options.maxMessageBytes
            $0.http2.maxConcurrentStreams = options.maxConcurrentStreams
            $0.connection.maxAge = options.maxConnectionAge
            $0.connection.maxGraceTime = options.drainTime
            $0.connection.maxIdleTime = options.maxIdleTime
            $0.connection.keepalive = .init(
                time: options.keepalive, timeout: .seconds(20),
                clientBehavior: .init(minPingIntervalWithoutCalls: .seconds(10), allowWithoutCalls: true))
        }
    }

    /// The port that is listened on, as soon as it is.
    ///
    /// Throws: when the server can't listen, or no longer does.
    package var port: Int {
        get async throws {
            let address = try await transport.listeningAddress
            return address.ipv4?.port ?? address.ipv6?.port ?? 0
        }
    }
}
