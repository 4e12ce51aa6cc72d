/// How a gRPC server behaves.
package struct RPCServerOptions: Sendable {
    /// Whether reflection (v1 and v1alpha) is served.
    package var reflection = true
    /// The largest message that is taken.
    package var maxMessageBytes = 4 * 1_024 * 1_024
    /// Calls at a time on one connection.
    package var maxConcurrentStreams = 256
    /// A connection is asked to go after so long, so that clients look for new servers; `nil` for never.
    package var maxConnectionAge: Duration? = .seconds(30 * 60)
    /// A connection without calls is closed after so long.
    package var maxIdleTime: Duration = .seconds(60 * 60)
    /// A connection that is silent for so long is pinged, and closed when it does not answer.
    package var keepalive: Duration = .seconds(60)
    /// How long a unary call may take whose caller gives no deadline, and at most.
    package var maxCallTime: Duration = .seconds(30)
    /// How long calls may go on once the server shuts down.
    package var drainTime: Duration = .seconds(10)
    /// Mutual TLS; `nil` for plaintext.
    package var tls: RPCTLS?

    package init() {}
}
