import Foundation
import SoukCallContext
import SoukErrors
import SoukTime
import Testing

@testable import SoukAuthToken

@Suite struct TokenKeysTests {
    private let clock = FixedClock()

    private static func key(_ algorithm: TokenKey.Algorithm, kid: String) async throws -> TokenKey {
        switch algorithm {
        case .hs256: try await .hs256(kid: kid, secret: [UInt8](repeating: 7, count: 32))
        case .rs256: try await .pem(kid: kid, TestKeys.rsaPrivate)
        case .eddsa: try await .pem(kid: kid, TestKeys.ed25519Private)
        }
    }

    @Test(arguments: TokenKey.Algorithm.allCases)
    func acceptsItsOwnTokens(_ algorithm: TokenKey.Algorithm) async throws {
        let key = try await Self.key(algorithm, kid: "k1")
        let keys = try TokenKeys([key], signing: "k1", clock: clock)
        let claims = claims(at: clock)
        let token = try await keys.createToken(claims)
        try await keys.validateToken(token)
        #expect(try await keys.validateAndExtractInfoFromToken(token) == claims)
        #expect(try keys.extractInfoFromToken(token) == claims)
        #expect(
            try await keys.verify(token)
                == Principal(userID: claims.userID, roles: [.vendor, .customer], sessionID: "session-1"))
        let verified = try await keys.verifyForReuse(token)
        #expect(verified == VerifiedToken(principal: claims.principal, expiresAt: claims.expiresAt))
        let header = try Forgery(token).header
        #expect(header["alg"] as? String == algorithm.rawValue)
        #expect(header["kid"] as? String == "k1")
        #expect(header["typ"] as? String == "at+jwt")
    }

    @Test func claimsTravelInWholeSeconds() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let claims = claims(at: clock)
        #expect(claims.issuedAt.microseconds == 1_800_000_000_000_000)
        let payload = try Forgery(try await keys.createToken(claims)).payload
        #expect(payload["iat"] as? Int == 1_800_000_000)
        #expect(payload["exp"] as? Int == 1_800_000_900)
        #expect(payload["iss"] as? String == "souk")
        #expect(payload["aud"] as? String == "souk")
    }

    @Test func everyTokenHasItsOwnName() {
        #expect(claims(at: clock).tokenID != claims(at: clock).tokenID)
    }

    @Test func rotationKeepsOldTokensGood() async throws {
        let old = try await Self.key(.rs256, kid: "2025")
        let new = try await TokenKey.generateEd25519(kid: "2026")
        let before = try TokenKeys([old], signing: "2025", clock: clock)
        let after = try TokenKeys([old, new], signing: "2026", clock: clock)
        let retired = try TokenKeys([new], signing: "2026", clock: clock)
        let token = try await before.createToken(claims(at: clock))
        try await after.validateToken(token)
        await #expect(throws: TokenError.unknownKey) { try await retired.validateToken(token) }
        let newToken = try await after.createToken(claims(at: clock))
        try await retired.validateToken(newToken)
        await #expect(throws: TokenError.unknownKey) { try await before.validateToken(newToken) }
    }

    @Test func publicKeysVerifyButCannotSign() async throws {
        for (privatePEM, publicPEM) in [
            (TestKeys.rsaPrivate, TestKeys.rsaPublic), (TestKeys.ed25519Private, TestKeys.ed25519Public),
        ] {
            let signer = try TokenKeys([try await .pem(kid: "k", privatePEM)], signing: "k", clock: clock)
            let publicKey = try await TokenKey.pem(kid: "k", publicPEM)
            #expect(!publicKey.canSign)
            let verifier = try TokenKeys([publicKey], signing: nil, clock: clock)
            try await verifier.validateToken(try await signer.createToken(claims(at: clock)))
            await #expect(throws: TokenKeyError.self) { try await verifier.createToken(claims(at: clock)) }
            #expect(throws: TokenKeyError.self) { try TokenKeys([publicKey], signing: "k") }
            #expect(signer.jwks() == verifier.jwks())
        }
    }

    @Test func jwksShowsPublicKeysOnly() async throws {
        let keys = try TokenKeys(
            [
                try await Self.key(.hs256, kid: "h"), try await Self.key(.rs256, kid: "r"),
                try await Self.key(.eddsa, kid: "e"),
            ], signing: "e", clock: clock)
        let document = keys.jwks()
        #expect(document.keys.map(\.kid) == ["e", "r"])
        let json = try JSONEncoder().encode(document)
        let object = try #require(
            try JSONSerialization.jsonObject(with: json) as? [String: [[String: String]]])
        let members = try #require(object["keys"])
        #expect(Set(members[0].keys) == ["kty", "kid", "use", "alg", "crv", "x"])
        #expect(Set(members[1].keys) == ["kty", "kid", "use", "alg", "n", "e"])
        #expect(members[1]["e"] == "AQAB")
        // What is served is enough to verify with.
        for member in members {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: member), as: UTF8.self)
            let key = try await TokenKey.jwk(kid: member["kid"] ?? "", json: text)
            #expect(!key.canSign)
            #expect(key.publicKey == document.keys.first { $0.kid == key.kid })
        }
    }

    @Test func namesMustBeDistinctAndSimple() async throws {
        let one = try await TokenKey.generateEd25519(kid: "k")
        let two = try await TokenKey.generateEd25519(kid: "k")
        #expect(throws: TokenKeyError.self) { try TokenKeys([one, two], signing: "k") }
        for name in ["", ".hidden", "../k", "a/b", "ключ", String(repeating: "k", count: 65), "a b"] {
            await #expect(throws: TokenKeyError.self) { try await TokenKey.generateEd25519(kid: name) }
        }
    }

    @Test func weakKeysAreRefused() async throws {
        await #expect(throws: TokenKeyError.self) {
            try await TokenKey.hs256(kid: "k", secret: [UInt8](repeating: 1, count: 31))
        }
        await #expect(throws: TokenKeyError.self) { try await TokenKey.pem(kid: "k", TestKeys.rsa1024) }
        await #expect(throws: TokenKeyError.self) { try await TokenKey.pem(kid: "k", "nonsense") }
    }

    @Test(arguments: [
        ("{}", "k"), (#"{"kty":"oct"}"#, "k"), (#"{"kty":"oct","k":"AAAA"}"#, "k"),
        (#"{"kty":"EC","crv":"P-256"}"#, "k"),
        (#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"HS512"}"#, "k"),
        (#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "k"), (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "k"),
    ])
    func unusableJSONWebKeysAreRefused(_ json: String, _ kid: String) async {
        await #expect(throws: TokenKeyError.self) { try await TokenKey.jwk(kid: kid, json: json) }
    }

    @Test func errorsAreUnauthenticatedAndSaySparingly() {
        let all: [TokenError] = [
            .malformed("x"), .unknownKey, .wrongAlgorithm, .badSignature, .expired, .notYetValid,
            .wrongIssuer,
            .wrongAudience,
        ]
        #expect(all.allSatisfy { $0.kind == .unauthenticated })
        #expect(Set(all.map(\.code)) == ["token.invalid", "token.expired"])
        #expect(Set(all.map(\.message)).count == 2)
    }
}
