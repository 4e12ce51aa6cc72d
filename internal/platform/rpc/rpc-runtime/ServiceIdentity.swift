import Crypto
import Foundation
import JWTKit
package import SoukEnv
package import SoukTime
import Synchronization

/// Signs for a service that it is the caller. Safe from any task.
package final class ServiceIdentity: Sendable {
    /// The service's own name, as in `<service>.pem`.
    package let service: String

    private struct Cached {
        var token: String
        var renewAt: Timestamp
    }

    /// As many peers as one process can have, and some more.
    private static let maxCached = 64

    private let key: Curve25519.Signing.PrivateKey
    private let clock: any WallClock
    private let cache = Mutex<[String: Cached]>([:])

    /// An identity with an Ed25519 private key in PEM form (PKCS #8).
    ///
    /// Throws: `ServiceKeyError` when it is no such key or the name is none of a service.
    package init(
        service: String, privateKeyPEM pem: Secret<String>, clock: any WallClock = SystemClock()
    ) throws(ServiceKeyError) {
        guard ServiceKeyRing.isValidName(service) else {
            throw ServiceKeyError(service, "is not the name of a service")
        }
        guard let parsed = try? EdDSA.PrivateKey(pem: pem.reveal()),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: parsed.rawRepresentation)
        else { throw ServiceKeyError(service, "is not an Ed25519 private key in PEM form") }
        self.service = service
        self.key = key
        self.clock = clock
    }

    /// The identity whose private key is in a file. Reads it at once: for the start of a process.
    ///
    /// Throws: `ServiceKeyError` when the file can't be read or is no such key.
    package static func load(
        service: String, file: String, clock: any WallClock = SystemClock()
    ) throws(ServiceKeyError) -> ServiceIdentity {
        guard let text = ServiceKeyRing.read(file) else { throw ServiceKeyError(file, "can't be read") }
        do {
            return try ServiceIdentity(service: service, privateKeyPEM: Secret(text), clock: clock)
        } catch {
            throw ServiceKeyError(file, error.problem)
        }
    }

    /// A token that `audience` accepts for a minute; the same one until half of that is over.
    ///
    /// Throws: `ServiceKeyError` when the key does not sign.
    package func token(for audience: String) throws(ServiceKeyError) -> String {
        let now = clock.now()
        let known = cache.withLock { $0[audience] }
        // A clock that was set back would otherwise keep a token that has not begun yet.
        if let known, now < known.renewAt, known.renewAt - now <= ServiceToken.lifetime { return known.token }
        guard
            let input = try? ServiceToken.signingInput(service: service, audience: audience, now: now),
            let signature = try? key.signature(for: Data(input.utf8))
        else { throw ServiceKeyError(service, "does not sign") }
        let token = "\(input).\(ServiceToken.text(signature))"
        cache.withLock { cache in
            if cache.count >= Self.maxCached { cache.removeAll() }
            cache[audience] = Cached(token: token, renewAt: now + ServiceToken.lifetime / 2)
        }
        return token
    }
}
