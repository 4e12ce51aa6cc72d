import Foundation

/// A JWK Set (RFC 7517, section 5) of public keys, as served at `/.well-known/jwks.json`.
package struct JWKSDocument: Codable, Sendable, Hashable {
    /// The keys that tokens may be signed with, in order of their names.
    package let keys: [PublicJWK]

    /// A set of these keys.
    package init(keys: [PublicJWK]) {
        self.keys = keys
    }
}

/// A public key as JSON Web Key: RSA (RFC 7518, section 6.3.1) or Ed25519 (RFC 8037, section 2).
package struct PublicJWK: Codable, Sendable, Hashable {
    /// Key type: `RSA` or `OKP`.
    package let kty: String
    /// Name of the key.
    package let kid: String
    /// Always `sig`.
    package let use: String
    /// `RS256` or `EdDSA`.
    package let alg: String
    /// `Ed25519` for `OKP`.
    package let crv: String?
    /// The public key, base64url, for `OKP`.
    package let x: String?
    /// The modulus, base64url of its big-endian bytes without leading zeros, for `RSA`.
    package let n: String?
    /// The public exponent, in the same form, for `RSA`.
    package let e: String?

    static func ed25519(kid: String, _ bytes: Data) -> PublicJWK {
        PublicJWK(
            kty: "OKP", kid: kid, use: "sig", alg: "EdDSA", crv: "Ed25519", x: Base64URL.encode(bytes),
            n: nil,
            e: nil)
    }

    static func rsa(kid: String, modulus: Data, exponent: Data) -> PublicJWK {
        PublicJWK(
            kty: "RSA", kid: kid, use: "sig", alg: "RS256", crv: nil, x: nil,
            n: Base64URL.encode(modulus.drop { $0 == 0 }), e: Base64URL.encode(exponent.drop { $0 == 0 }))
    }
}
