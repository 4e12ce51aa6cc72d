import Crypto
import Foundation
import JWTKit
package import Logging
import NIOPosix
package import SoukTime
import SoukText

/// The public keys of all services, of files `<service>.pem` in one folder, and the check of who calls by them.
///
/// Files are read anew when a token names an unknown service or does not fit the key that is known, at most once
/// a second, and otherwise every half minute: keys may be added, replaced and taken away while processes run.
package actor ServiceKeyRing {
    private static let maxFiles = 256
    private static let maxVerified = 256
    private static let minInterval = Duration.seconds(1)
    private static let maxAge = Duration.seconds(30)

    /// The service that calls are for: the audience that tokens must name.
    package nonisolated let service: String

    private struct Verified {
        var caller: String
        var expiresAt: Int64
    }

    private let directory: String
    private let clock: any WallClock
    private let logger: Logger
    private var keys: [String: Curve25519.Signing.PublicKey] = [:]
    private var readAt: Timestamp?
    private var isReading = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Tokens that have passed, since a caller uses each many times.
    private var verified: [String: Verified] = [:]

    /// The keys in `directory`, for calls to `service`. Reads nothing yet.
    package init(
        directory: String, service: String, clock: any WallClock = SystemClock(),
        logger: Logger = Logger(label: "souk.rpc.identity")
    ) {
        self.directory = directory
        self.service = service
        self.clock = clock
        self.logger = logger
    }

    /// The service that proves itself with `token`.
    ///
    /// Throws: the `ServiceTokenError` of the first check that failed.
    package func caller(of token: String) async throws(ServiceTokenError) -> String {
        if isOlder(than: Self.maxAge) { await read() }
        if let known = verified[token] {
            guard clock.now().epochSeconds < known.expiresAt else { throw .expired }
            return known.caller
        }
        let parts = try ServiceToken(token)
        // Whoever comes while the files are being read waits for what is in them.
        if !isSigned(parts), isReading || isOlder(than: Self.minInterval) { await read() }
        guard keys[parts.header.kid] != nil else { throw .unknownService }
        guard isSigned(parts) else { throw .badSignature }

        let claims = parts.claims
        guard claims.iss == parts.header.kid, claims.sub == claims.iss, claims.aud == service else {
            throw .wrongAudience
        }
        let now = clock.now().epochSeconds
        let leeway = ServiceToken.leeway.components.seconds
        // Subtractions of what a stranger sent could overflow; the signature makes it no stranger, but still.
        let (life, overflow) = claims.exp.subtractingReportingOverflow(claims.iat)
        guard !overflow, life <= ServiceToken.lifetime.components.seconds, claims.iat <= now + leeway else {
            throw .wrongLifetime
        }
        let expiresAt = claims.exp + leeway
        guard now < expiresAt else { throw .expired }
        if verified.count >= Self.maxVerified { verified.removeAll() }
        verified[token] = Verified(caller: claims.iss, expiresAt: expiresAt)
        return claims.iss
    }

    private func isSigned(_ token: ServiceToken) -> Bool {
        // BoringSSL compares Ed25519 signatures in constant time.
        keys[token.header.kid]?.isValidSignature(token.signature, for: token.signedBytes) ?? false
    }

    private func isOlder(than age: Duration) -> Bool {
        guard let readAt else { return true }
        let passed = clock.now() - readAt
        return passed >= age || passed < .zero
    }

    /// Reads the folder, or waits for the one who does.
    private func read() async {
        guard !isReading else {
            await withCheckedContinuation { waiting.append($0) }
            return
        }
        isReading = true
        readAt = clock.now()
        let directory = directory
        // File systems may block; not on the threads that run tasks.
        let found = try? await NIOThreadPool.singleton.runIfActive { Self.keys(in: directory) }
        if let found {
            if found.keys.isEmpty || !found.unusable.isEmpty {
                logger.error(
                    "service keys can't be read",
                    metadata: [
                        "directory": "\(directory)", "files": "\(found.unusable.joined(separator: " "))",
                    ])
            }
            keys = found.keys
            verified.removeAll()
        }
        isReading = false
        for continuation in waiting { continuation.resume() }
        waiting.removeAll()
    }

    private static func keys(in directory: String) -> (
        keys: [String: Curve25519.Signing.PublicKey], unusable: [String]
    ) {
        var keys: [String: Curve25519.Signing.PublicKey] = [:]
        var unusable: [String] = []
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names.sorted().prefix(maxFiles)
        where name.hasSuffix(bytes: ".pem") && !name.hasPrefix(bytes: ".") {
            let service = String(name.dropLast(4))
            if isValidName(service), let pem = read("\(directory)/\(name)"),
                let parsed = try? EdDSA.PublicKey(pem: pem),
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: parsed.rawRepresentation)
            {
                keys[service] = key
            } else {
                unusable.append(name)
            }
        }
        return (keys, unusable)
    }

    static func isValidName(_ service: String) -> Bool {
        (1...64).contains(service.utf8.count)
            && service.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            }
    }

    static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 65_536 else { return nil }
        return String(data: data, encoding: .utf8)
    }
}
