import GRPCCore

/// Names of what travels beside messages.
enum RPCMetadataKey {
    /// Ties log lines of one request together, across services.
    static let requestID = "souk-request-id"
    /// The calling service's token.
    static let identity = "souk-identity"
    /// Claims of earlier versions about a user, which nothing proves: a call with one of them is refused.
    static let unproven = ["souk-principal-id", "souk-principal-roles", "souk-principal-session"]
    /// Trailers of a failed call.
    static let errorCode = "souk-error-code"
    static let error = "souk-error-bin"
    /// The user's access token.
    static let authorization = "authorization"
    /// gRPC's own: what is left until the deadline.
    static let timeout = "grpc-timeout"
}

extension Metadata {
    /// The first text value; `nil` when there is none.
    func first(_ key: String) -> String? { self[stringValues: key].first { _ in true } }
}
