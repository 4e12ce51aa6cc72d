package import SoukCallContext

/// Turns an access token into the caller that it proves.
package protocol TokenVerifier: Sendable {
    /// The caller named by `token`, after every check has passed.
    ///
    /// Throws: the `TokenError` of the first check that failed.
    func verify(_ token: String) async throws(TokenError) -> Principal
}
