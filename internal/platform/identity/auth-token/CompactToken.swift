import Foundation
import SoukCallContext
import SoukIDs
import SoukTime
import SoukText

/// The three parts of a JWS in compact form, taken apart but not verified.
struct CompactToken {
    let header: TokenHeader
    /// The header as it stands in the token.
    let headerText: Substring
    let signature: [UInt8]
    /// What the signature is over.
    let signingInput: [UInt8]
    private let payloadBytes: [UInt8]

    /// - Parameter known: Headers that were read before, by their text.
    init(_ token: String, known: [Substring: TokenHeader] = [:]) throws(TokenError) {
        guard token.utf8.count <= TokenKeys.maxTokenLength else {
            throw .malformed("longer than any of ours")
        }
        // Bytes, which are quicker to go through than characters.
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map {
            Substring($0)
        }
        guard parts.count == 3 else { throw .malformed("not three parts") }
        guard let payloadBytes = Base64URL.decode(parts[1]), let signature = Base64URL.decode(parts[2]) else {
            throw .malformed("not base64url")
        }
        let header = if let header = known[parts[0]] { header } else { try Self.header(parts[0]) }
        // Extensions that must be understood are not (RFC 7515, section 4.1.11).
        guard header.crit == nil else { throw .malformed("crit") }
        // Keeps apart from tokens that are made for another purpose (RFC 8725, section 3.11).
        guard header.typ?.lowercasedASCII() == TokenHeader.accessToken else { throw .malformed("typ") }
        self.header = header
        headerText = parts[0]
        self.payloadBytes = payloadBytes
        self.signature = signature
        signingInput = [UInt8](token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))
    }

    private static func header(_ text: Substring) throws(TokenError) -> TokenHeader {
        guard let bytes = Base64URL.decode(text) else { throw .malformed("not base64url") }
        guard let header = try? JSONDecoder().decode(TokenHeader.self, from: Data(bytes)) else {
            throw .malformed("header")
        }
        return header
    }

    func payload() throws(TokenError) -> TokenPayload {
        guard let payload = try? JSONDecoder().decode(TokenPayload.self, from: Data(payloadBytes)) else {
            throw .malformed("claims")
        }
        return payload
    }
}

/// The header fields that we write and read.
struct TokenHeader: Codable, Sendable {
    /// The media type of JWT access tokens, RFC 9068, section 2.1.
    static let accessToken = "at+jwt"

    var alg: String
    var kid: String?
    var typ: String?
    var crit: [String]?
}

/// The claims as they stand in the token.
struct TokenPayload: Codable {
    var iss: String
    var aud: Audience
    var sub: String
    var sid: String
    var roles: [String]
    var jti: String
    var iat: NumericDate
    var nbf: NumericDate?
    var exp: NumericDate

    init(_ claims: AccessClaims, issuer: String, audience: String) {
        iss = issuer
        aud = Audience(values: [audience])
        sub = claims.userID.description
        sid = claims.sessionID
        roles = claims.roles.map(\.rawValue).sorted()
        jti = claims.tokenID
        iat = NumericDate(claims.issuedAt)
        nbf = NumericDate(claims.issuedAt)
        exp = NumericDate(claims.expiresAt)
    }

    func claims() throws(TokenError) -> AccessClaims {
        guard let userID = UserID(sub) else { throw .malformed("sub") }
        guard let issuedAt = iat.timestamp else { throw .malformed("iat") }
        guard let expiresAt = exp.timestamp else { throw .malformed("exp") }
        return AccessClaims(
            userID: userID, roles: Set(roles.compactMap(Role.init)), sessionID: sid, issuedAt: issuedAt,
            expiresAt: expiresAt, tokenID: jti)
    }

    func notBefore() throws(TokenError) -> Timestamp? {
        guard let nbf else { return nil }
        guard let timestamp = nbf.timestamp else { throw .malformed("nbf") }
        return timestamp
    }
}

/// `aud`: one string or an array of them (RFC 7519, section 4.1.3).
struct Audience: Codable {
    var values: [String]

    init(values: [String]) {
        self.values = values
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode(String.self) {
            values = [one]
        } else {
            values = try container.decode([String].self)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if values.count == 1 {
            try container.encode(values[0])
        } else {
            try container.encode(values)
        }
    }
}

/// Seconds since 1970 (RFC 7519, section 2). We write whole ones; fractions of others are cut off.
struct NumericDate: Codable {
    private var seconds: Double

    init(_ timestamp: Timestamp) {
        seconds = Double(timestamp.epochSeconds)
    }

    init(from decoder: any Decoder) throws {
        seconds = try decoder.singleValueContainer().decode(Double.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Int64(seconds))
    }

    /// `nil` outside the years that a timestamp can express.
    var timestamp: Timestamp? {
        guard seconds >= 0, seconds <= Double(Timestamp.max.epochSeconds) else { return nil }
        return Timestamp(epochSeconds: Int64(seconds.rounded(.down)))
    }
}
