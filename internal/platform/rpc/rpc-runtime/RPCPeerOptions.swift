/// How a client to a peer behaves.
package struct RPCPeerOptions: Sendable {
    /// How long a call may take whose context has no deadline.
    package var defaultTimeout: Duration = .seconds(5)
    /// How long a call waits for a connection before it fails as unavailable.
    package var connectTimeout: Duration = .milliseconds(1_500)
    /// How often an idempotent call is tried in all, 1...5.
    package var maxAttempts = 3
    /// Before the second attempt; doubles, and each wait is a random part of it.
    package var initialBackoff: Duration = .milliseconds(50)
    package var maxBackoff: Duration = .milliseconds(500)
    /// The largest message that is taken or sent; a request above it is refused before it is sent. Not above the
    /// server's.
    package var maxMessageBytes = 4 * 1_024 * 1_024
    /// A connection is pinged when it has been silent for so long while calls wait.
    package var keepalive: Duration = .seconds(20)
    /// Mutual TLS; `nil` for plaintext.
    package var tls: RPCTLS?

    package init() {}
}
