package import SoukErrors

/// Why an access token is not accepted: 401, and which one it was goes to the log, not to the caller. Only
/// ``keysUnavailable(_:)`` says nothing about the token: 503.
package enum TokenError: SoukError, Hashable {
    /// Not a JWS in compact form with a header and claims we understand; the text says where it breaks.
    case malformed(String)
    /// `kid` is missing or names no key of ours.
    case unknownKey
    /// `alg` is not the algorithm that the key is for.
    case wrongAlgorithm
    /// The signature does not fit.
    case badSignature
    /// `exp` has passed.
    case expired
    /// `nbf` or `iat` lies in the future by more than the leeway.
    case notYetValid
    /// `iss` is somebody else.
    case wrongIssuer
    /// `aud` does not name us.
    case wrongAudience
    /// The keys that would tell can't be had now; the text is for logs.
    case keysUnavailable(String)

    package var kind: ErrorKind {
        if case .keysUnavailable = self { .unavailable } else { .unauthenticated }
    }

    package var code: String {
        switch self {
        case .expired: "token.expired"
        case .keysUnavailable: "auth.keys_unavailable"
        default: "token.invalid"
        }
    }

    package var message: String {
        switch self {
        case .expired: "The access token has expired."
        case .keysUnavailable: "Access tokens can't be checked right now; try again in a moment."
        default: "The access token is not valid."
        }
    }

    package var retryAfter: Duration? {
        if case .keysUnavailable = self { .seconds(2) } else { nil }
    }

    package var detail: String? {
        switch self {
        case .malformed(let place): "malformed: \(place)"
        case .unknownKey: "unknown kid"
        case .wrongAlgorithm: "the algorithm is not the one of the key"
        case .badSignature: "bad signature"
        case .expired: nil
        case .notYetValid: "not valid yet"
        case .wrongIssuer: "wrong issuer"
        case .wrongAudience: "wrong audience"
        case .keysUnavailable(let detail): detail
        }
    }
}

/// Why a key can't be used: one line that names the key or its file, and never its content.
package struct TokenKeyError: Error, Hashable, CustomStringConvertible {
    /// The key's `kid` or the path of its file.
    package let name: String
    /// To be read after the name and a colon.
    package let problem: String

    init(_ name: String, _ problem: String) {
        self.name = name
        self.problem = problem
    }

    /// `/data/keys/2026.pem: is neither an RSA nor an Ed25519 key`.
    package var description: String { "\(name): \(problem)" }
}
