package import SoukErrors

/// Why a service's token is not accepted. All are UNAUTHENTICATED; which one it was goes to the log only.
package enum ServiceTokenError: SoukError, Hashable {
    /// The call has none.
    case missing
    /// Not a token of this type; the text says where it breaks.
    case malformed(String)
    /// No public key is known for the service that it names.
    case unknownService
    case badSignature
    /// It is for another service, or does not name its own issuer.
    case wrongAudience
    case expired
    /// It starts in the future by more than clocks may be apart, or is good for longer than ours are.
    case wrongLifetime

    package var kind: ErrorKind { .unauthenticated }
    package var code: String { "rpc.identity_required" }
    package var message: String { "The call needs a valid identity of a service." }
    package var detail: String? {
        switch self {
        case .missing: "no token"
        case .malformed(let place): "malformed: \(place)"
        case .unknownService: "unknown service"
        case .badSignature: "bad signature"
        case .wrongAudience: "for another service"
        case .expired: "expired"
        case .wrongLifetime: "not valid yet, or for too long"
        }
    }
}

/// Why a service's key can't be used: one line that names its file, and never its content.
package struct ServiceKeyError: Error, Hashable, CustomStringConvertible {
    /// The file or the service.
    package let name: String
    /// To be read after the name and a colon.
    package let problem: String

    init(_ name: String, _ problem: String) {
        self.name = name
        self.problem = problem
    }

    /// `/run/keys/order.pem: is not an Ed25519 private key in PEM form`.
    package var description: String { "\(name): \(problem)" }
}
