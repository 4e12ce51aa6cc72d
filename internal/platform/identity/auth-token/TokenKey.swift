import Foundation
import JWTKit
import SoukText

/// One key, the name tokens call it by, and the one algorithm it is for.
package struct TokenKey: Sendable {
    /// The algorithms that are spoken, by their names in RFC 7518 and RFC 8037.
    package enum Algorithm: String, CaseIterable, Sendable {
        /// HMAC with SHA-256: whoever verifies can also sign. For one process.
        case hs256 = "HS256"
        /// RSASSA-PKCS1-v1_5 with SHA-256, for peers that speak nothing newer.
        case rs256 = "RS256"
        /// Ed25519, the default.
        case eddsa = "EdDSA"
    }

    /// The name that the header field `kid` carries: 1 to 64 of letters, digits and `. _ -`.
    package let kid: String
    /// Tokens of this key carry this `alg`, and none other is accepted with it.
    package let algorithm: Algorithm
    /// Whether the private part is there.
    package let canSign: Bool
    /// The public part as JWKS shows it; `nil` for symmetric keys, which have none.
    package let publicKey: PublicJWK?

    private let operations: any JWTAlgorithm

    private init(
        kid: String, algorithm: Algorithm, canSign: Bool, publicKey: PublicJWK?, adding keys: JWTKeyCollection
    ) async throws(TokenKeyError) {
        guard Self.isValidName(kid) else {
            throw TokenKeyError(kid, "a key's name must be 1 to 64 letters, digits, '.', '_' or '-'")
        }
        do {
            operations = try await keys.getKey(for: JWKIdentifier(string: kid))
        } catch {
            throw TokenKeyError(kid, "cannot be used")
        }
        self.kid = kid
        self.algorithm = algorithm
        self.canSign = canSign
        self.publicKey = publicKey
    }

    /// A symmetric key of at least 32 bytes (RFC 7518, section 3.2).
    ///
    /// Throws: `TokenKeyError` when the secret is shorter or the name malformed.
    package static func hs256(kid: String, secret: [UInt8]) async throws(TokenKeyError) -> TokenKey {
        guard secret.count >= 32 else { throw TokenKeyError(kid, "an HS256 secret needs at least 32 bytes") }
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256, kid: JWKIdentifier(string: kid))
        return try await TokenKey(kid: kid, algorithm: .hs256, canSign: true, publicKey: nil, adding: keys)
    }

    /// A fresh Ed25519 key.
    ///
    /// Throws: `TokenKeyError` when the name is malformed.
    package static func generateEd25519(kid: String) async throws(TokenKeyError) -> TokenKey {
        guard let key = try? EdDSA.PrivateKey() else { throw TokenKeyError(kid, "cannot be generated") }
        return try await ed25519(kid: kid, privateKey: key)
    }

    /// An RSA or Ed25519 key in PEM form, private (it signs and verifies) or public (it only verifies).
    ///
    /// Throws: `TokenKeyError` when it is none of these, an RSA key has fewer than 2048 bits, or the name is
    /// malformed.
    package static func pem(kid: String, _ pem: String) async throws(TokenKeyError) -> TokenKey {
        if pem.contains(bytes: "PRIVATE KEY-----") {
            if let key = try? EdDSA.PrivateKey(pem: pem) {
                return try await ed25519(kid: kid, privateKey: key)
            }
            if let key = try? Insecure.RSA.PrivateKey(pem: pem) {
                return try await rs256(kid: kid, privateKey: key)
            }
        } else {
            if let key = try? EdDSA.PublicKey(pem: pem) { return try await ed25519(kid: kid, publicKey: key) }
            if let key = try? Insecure.RSA.PublicKey(pem: pem) {
                return try await rs256(kid: kid, publicKey: key)
            }
        }
        throw TokenKeyError(kid, "is neither an Ed25519 key nor an RSA key of at least 2048 bits in PEM form")
    }

    /// A key as JSON Web Key (RFC 7517) of type `oct`, `OKP` with Ed25519, or `RSA`.
    ///
    /// Throws: `TokenKeyError` when it is none of these, or as the other initialisers.
    package static func jwk(kid: String, json: String) async throws(TokenKeyError) -> TokenKey {
        guard let jwk = try? JSONDecoder().decode(AnyJWK.self, from: Data(json.utf8)) else {
            throw TokenKeyError(kid, "is not a JSON Web Key")
        }
        switch (jwk.kty, jwk.alg) {
        case ("oct", nil), ("oct", "HS256"):
            guard let secret = jwk.k.flatMap({ Base64URL.decode($0) }) else { break }
            return try await hs256(kid: kid, secret: secret)
        case ("OKP", nil), ("OKP", "EdDSA"), ("OKP", "Ed25519"):
            if let d = jwk.d, let key = try? EdDSA.PrivateKey(d: d, curve: .ed25519) {
                return try await ed25519(kid: kid, privateKey: key)
            }
            if jwk.d == nil, let x = jwk.x, let key = try? EdDSA.PublicKey(x: x, curve: .ed25519) {
                return try await ed25519(kid: kid, publicKey: key)
            }
        case ("RSA", nil), ("RSA", "RS256"):
            guard let n = jwk.n, let e = jwk.e else { break }
            if let d = jwk.d,
                let key = try? Insecure.RSA.PrivateKey(modulus: n, exponent: e, privateExponent: d)
            {
                return try await rs256(kid: kid, privateKey: key)
            }
            if jwk.d == nil, let key = try? Insecure.RSA.PublicKey(modulus: n, exponent: e) {
                return try await rs256(kid: kid, publicKey: key)
            }
        default: break
        }
        throw TokenKeyError(kid, "is not a usable key of type oct, OKP (Ed25519) or RSA (2048 bits or more)")
    }

    /// The signature of `bytes`.
    ///
    /// Throws: when the private part is missing or unusable.
    func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        try operations.sign(bytes)
    }

    func isValid(signature: [UInt8], for bytes: [UInt8]) -> Bool {
        // A signature of a length or form that the algorithm can't read is a wrong one.
        (try? operations.verify(signature, signs: bytes)) ?? false
    }

    static func isValidName(_ kid: String) -> Bool {
        guard (1...64).contains(kid.utf8.count), kid.utf8.first != UInt8(ascii: ".") else { return false }
        return kid.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

extension TokenKey {
    private static func ed25519(
        kid: String, privateKey: EdDSA.PrivateKey
    ) async throws(TokenKeyError) -> TokenKey {
        let keys = JWTKeyCollection()
        await keys.add(eddsa: privateKey, kid: JWKIdentifier(string: kid))
        return try await TokenKey(
            kid: kid, algorithm: .eddsa, canSign: true,
            publicKey: .ed25519(kid: kid, privateKey.publicKey.rawRepresentation), adding: keys)
    }

    private static func ed25519(
        kid: String, publicKey: EdDSA.PublicKey
    ) async throws(TokenKeyError) -> TokenKey {
        let keys = JWTKeyCollection()
        await keys.add(eddsa: publicKey, kid: JWKIdentifier(string: kid))
        return try await TokenKey(
            kid: kid, algorithm: .eddsa, canSign: false,
            publicKey: .ed25519(kid: kid, publicKey.rawRepresentation), adding: keys)
    }

    private static func rs256(
        kid: String, privateKey: Insecure.RSA.PrivateKey
    ) async throws(TokenKeyError) -> TokenKey {
        let keys = JWTKeyCollection()
        await keys.add(rsa: privateKey, digestAlgorithm: .sha256, kid: JWKIdentifier(string: kid))
        return try await TokenKey(
            kid: kid, algorithm: .rs256, canSign: true, publicKey: try rsaJWK(kid, privateKey.publicKey),
            adding: keys)
    }

    private static func rs256(
        kid: String, publicKey: Insecure.RSA.PublicKey
    ) async throws(TokenKeyError) -> TokenKey {
        let keys = JWTKeyCollection()
        await keys.add(rsa: publicKey, digestAlgorithm: .sha256, kid: JWKIdentifier(string: kid))
        return try await TokenKey(
            kid: kid, algorithm: .rs256, canSign: false, publicKey: try rsaJWK(kid, publicKey), adding: keys)
    }

    private static func rsaJWK(
        _ kid: String, _ key: Insecure.RSA.PublicKey
    ) throws(TokenKeyError) -> PublicJWK {
        guard let numbers = try? key.getKeyPrimitives() else { throw TokenKeyError(kid, "cannot be used") }
        return .rsa(kid: kid, modulus: numbers.modulus, exponent: numbers.publicExponent)
    }
}

/// The members of a JSON Web Key that any of our types needs.
private struct AnyJWK: Decodable {
    let kty: String
    let alg: String?
    let k: String?
    let x: String?
    let d: String?
    let n: String?
    let e: String?
}
