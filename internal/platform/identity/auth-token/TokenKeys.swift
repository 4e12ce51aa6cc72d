import Foundation
package import SoukCallContext
import SoukIDs
package import SoukTime
import Synchronization

/// Signs and verifies access tokens: JWS in compact form (RFC 7515) with JWT claims (RFC 7519) of type
/// `at+jwt` (RFC 9068).
///
/// Several keys verify, one signs. A token is verified with the key that its `kid` names, by that key's own
/// algorithm (RFC 8725, section 3.1): what the header says about the algorithm can make a token invalid but
/// never choose how it is checked. Immutable, safe from any task.
package final class TokenKeys: TokenVerifier {
    /// How far `nbf` and `iat` may lie in the future, for clocks that disagree. `exp` has no leeway.
    package static let leeway: Duration = .seconds(30)
    /// Longest token that is looked at, in bytes.
    package static let maxTokenLength = 8_192

    /// What tokens carry as `iss`, and must.
    package let issuer: String
    /// What tokens carry as `aud`, and must name.
    package let audience: String

    private let keys: [String: TokenKey]
    private let signing: TokenKey?
    private let clock: any WallClock
    /// Headers of tokens that were good: those of one key are mostly alike to the last byte.
    private let headers = Mutex<[Substring: TokenHeader]>([:])
    private static let maxHeaders = 32

    /// Keys with distinct names; the one named `signing`, if any, signs, all of them verify.
    ///
    /// Throws: `TokenKeyError` when two have one name, or `signing` names none that can sign.
    package init(
        _ keys: [TokenKey], signing kid: String?, issuer: String = "souk", audience: String = "souk",
        clock: any WallClock = SystemClock()
    ) throws(TokenKeyError) {
        var table: [String: TokenKey] = [:]
        for key in keys {
            guard table.updateValue(key, forKey: key.kid) == nil else {
                throw TokenKeyError(key.kid, "there are two keys of this name")
            }
        }
        if let kid {
            guard let key = table[kid], key.canSign else {
                throw TokenKeyError(kid, "is no key that can sign")
            }
            signing = key
        } else {
            signing = nil
        }
        self.keys = table
        self.issuer = issuer
        self.audience = audience
        self.clock = clock
    }

    /// One fresh Ed25519 key that lives only in memory.
    ///
    /// Throws: nothing in practice; the generated name is valid.
    package static func generate(
        issuer: String = "souk", audience: String = "souk", clock: any WallClock = SystemClock()
    ) async throws(TokenKeyError) -> TokenKeys {
        let key = try await TokenKey.generateEd25519(kid: ID<TokenTag>().description)
        return try TokenKeys([key], signing: key.kid, issuer: issuer, audience: audience, clock: clock)
    }

    /// The public keys; symmetric ones are never in it.
    package func jwks() -> JWKSDocument {
        JWKSDocument(keys: keys.values.compactMap(\.publicKey).sorted { $0.kid < $1.kid })
    }

    /// A signed token with these claims.
    ///
    /// Throws: `TokenKeyError` when no key signs here, or the signing key fails.
    package func createToken(_ claims: AccessClaims) async throws -> String {
        guard let signing else {
            throw TokenKeyError("signing key", "there is none here, only verifying ones")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let header = TokenHeader(
            alg: signing.algorithm.rawValue, kid: signing.kid, typ: TokenHeader.accessToken)
        let payload = TokenPayload(claims, issuer: issuer, audience: audience)
        let input =
            "\(Base64URL.encode(try encoder.encode(header))).\(Base64URL.encode(try encoder.encode(payload)))"
        return "\(input).\(Base64URL.encode(try signing.sign([UInt8](input.utf8))))"
    }

    /// Checks everything about the token.
    ///
    /// Throws: the `TokenError` of the first check that failed.
    package func validateToken(_ token: String) async throws(TokenError) {
        _ = try await validateAndExtractInfoFromToken(token)
    }

    /// What the token says, with nothing checked but its form. For logs and the like; proves nothing.
    ///
    /// Throws: `TokenError.malformed`.
    package func extractInfoFromToken(_ token: String) throws(TokenError) -> AccessClaims {
        try CompactToken(token).payload().claims()
    }

    /// Checks everything about the token, and only then reads it.
    ///
    /// In this order: form, `kid`, `alg`, signature, `iss`, `aud`, `exp`, `nbf` and `iat`.
    /// Throws: the `TokenError` of the first check that failed.
    package func validateAndExtractInfoFromToken(_ token: String) async throws(TokenError) -> AccessClaims {
        let parts = try CompactToken(token, known: headers.withLock { $0 })
        guard let kid = parts.header.kid, let key = keys[kid] else { throw .unknownKey }
        guard parts.header.alg == key.algorithm.rawValue else { throw .wrongAlgorithm }
        guard key.isValid(signature: parts.signature, for: parts.signingInput) else { throw .badSignature }

        let payload = try parts.payload()
        guard payload.iss == issuer else { throw .wrongIssuer }
        guard payload.aud.values.contains(audience) else { throw .wrongAudience }
        let claims = try payload.claims()
        let now = clock.now()
        guard now < claims.expiresAt else { throw .expired }
        let latest = now + Self.leeway
        guard claims.issuedAt <= latest, try payload.notBefore() ?? claims.issuedAt <= latest else {
            throw .notYetValid
        }
        remember(parts)
        return claims
    }

    private func remember(_ parts: CompactToken) {
        headers.withLock { headers in
            guard headers.count < Self.maxHeaders, headers[parts.headerText] == nil else { return }
            // A string of its own, which does not keep the whole token.
            headers[Substring(String(parts.headerText))] = parts.header
        }
    }

    package func verify(_ token: String) async throws(TokenError) -> Principal {
        try await validateAndExtractInfoFromToken(token).principal
    }

    package func verifyForReuse(_ token: String) async throws(TokenError) -> VerifiedToken {
        let claims = try await validateAndExtractInfoFromToken(token)
        return VerifiedToken(principal: claims.principal, expiresAt: claims.expiresAt)
    }
}
