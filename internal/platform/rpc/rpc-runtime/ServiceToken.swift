import Foundation
import SoukTime
import SoukText

/// The token by which a service proves which one it is: a JWS in compact form (RFC 7515), signed with Ed25519
/// (RFC 8037), of a type of its own (RFC 8725, section 3.11), so that no user's token passes for one.
struct ServiceToken {
    static let type = "souk-service+jwt"
    static let lifetime = Duration.seconds(60)
    /// How far clocks of two machines may be apart.
    static let leeway = Duration.seconds(5)
    static let maxLength = 1_024

    struct Header: Codable {
        var alg: String
        var kid: String
        var typ: String
        var crit: [String]?
    }

    struct Claims: Codable {
        var iss: String
        var sub: String
        var aud: String
        var iat: Int64
        var exp: Int64
    }

    let header: Header
    let claims: Claims
    let signature: Data
    let signedBytes: Data

    /// Takes the token apart and verifies nothing.
    init(_ token: String) throws(ServiceTokenError) {
        guard token.utf8.count <= Self.maxLength else { throw .malformed("too long") }
        let parts = token.split(byte: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed("not three parts") }
        guard let header = Self.decode(Header.self, parts[0]), header.crit == nil else {
            throw .malformed("header")
        }
        guard header.typ == Self.type, header.alg == "EdDSA" else { throw .malformed("typ or alg") }
        guard let claims = Self.decode(Claims.self, parts[1]), let signature = Self.bytes(parts[2]) else {
            throw .malformed("claims or signature")
        }
        self.header = header
        self.claims = claims
        self.signature = signature
        signedBytes = Data(token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))
    }

    /// What is signed, and the claims in it.
    static func signingInput(service: String, audience: String, now: Timestamp) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let seconds = now.epochSeconds
        let claims = Claims(
            iss: service, sub: service, aud: audience, iat: seconds,
            exp: seconds + lifetime.components.seconds)
        let header = Header(alg: "EdDSA", kid: service, typ: type)
        return "\(text(try encoder.encode(header))).\(text(try encoder.encode(claims)))"
    }

    static func text(_ bytes: Data) -> String {
        bytes.base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(_ text: Substring) -> Data? {
        guard !text.utf8.contains(where: { "+/=".utf8.contains($0) }) else { return nil }
        var base64 = text.replacing(bytes: "-", with: "+").replacing(bytes: "_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: String(base64)), Self.text(data) == text else { return nil }
        return data
    }

    private static func decode<T: Decodable>(_ type: T.Type, _ text: Substring) -> T? {
        bytes(text).flatMap { try? JSONDecoder().decode(type, from: $0) }
    }
}

extension Timestamp {
    /// Whole seconds since 1970, rounded down.
    var epochSeconds: Int64 { Int64((Double(microseconds) / 1_000_000).rounded(.down)) }
}
