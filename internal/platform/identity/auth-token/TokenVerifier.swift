package import SoukCallContext
package import SoukTime

/// Turns an access token into the caller that it proves.
package protocol TokenVerifier: Sendable {
    /// The caller named by `token`, after every check has passed.
    ///
    /// Throws: the `TokenError` of the first check that failed.
    func verify(_ token: String) async throws(TokenError) -> Principal

    /// As ``verify(_:)``, with how long the answer is good, for callers that remember it.
    ///
    /// Throws: as ``verify(_:)``.
    func verifyForReuse(_ token: String) async throws(TokenError) -> VerifiedToken
}

extension TokenVerifier {
    /// Nothing that may be remembered.
    package func verifyForReuse(_ token: String) async throws(TokenError) -> VerifiedToken {
        VerifiedToken(principal: try await verify(token), expiresAt: nil)
    }
}

/// What a good access token proved.
package struct VerifiedToken: Sendable, Hashable {
    package let principal: Principal
    /// From this instant on the token is no longer good; nil where nobody can say, and it is to be verified each time.
    package let expiresAt: Timestamp?

    package init(principal: Principal, expiresAt: Timestamp?) {
        self.principal = principal
        self.expiresAt = expiresAt
    }
}
