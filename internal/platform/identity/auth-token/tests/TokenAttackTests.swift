import Foundation
import SoukCallContext
import SoukIDs
import SoukTime
import Testing

@testable import SoukAuthToken

/// What an attacker, or a confused peer, may send instead of a token of ours.
@Suite struct TokenAttackTests {
    private let clock = FixedClock()

    private func refuses(_ token: String, by keys: TokenKeys, with expected: TokenError) async {
        await #expect(throws: expected) { try await keys.validateAndExtractInfoFromToken(token) }
        await #expect(throws: expected) { try await keys.validateToken(token) }
        await #expect(throws: expected) { try await keys.verify(token) }
    }

    private func rsaKeys() async throws -> TokenKeys {
        try TokenKeys([try await .pem(kid: "k", TestKeys.rsaPrivate)], signing: "k", clock: clock)
    }

    @Test(arguments: ["none", "None", "NONE", "nOnE", ""])
    func algorithmNone(_ algorithm: String) async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["alg"] = algorithm
        await refuses(try forgery.token, by: keys, with: .wrongAlgorithm)
        forgery.signature = []
        await refuses(try forgery.token, by: keys, with: .wrongAlgorithm)
    }

    @Test func symmetricSignatureWithThePublicKey() async throws {
        let keys = try await rsaKeys()
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["alg"] = "HS256"
        for secret in [TestKeys.rsaPublic, TestKeys.rsaPublic + "\n"] {
            let attacker = try await TokenKey.hs256(kid: "k", secret: [UInt8](secret.utf8))
            await refuses(try forgery.signed(by: attacker), by: keys, with: .wrongAlgorithm)
        }
        // The same with the header telling the truth about the key.
        forgery.header["alg"] = "RS256"
        let attacker = try await TokenKey.hs256(kid: "k", secret: [UInt8](TestKeys.rsaPublic.utf8))
        await refuses(try forgery.signed(by: attacker), by: keys, with: .badSignature)
    }

    @Test func symmetricSignatureWithThePublicBytesOfEd25519() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["alg"] = "HS256"
        let bytes = try #require(keys.jwks().keys.first?.x.flatMap { Base64URL.decode($0) })
        let kid = try #require(forgery.header["kid"] as? String)
        await refuses(
            try forgery.signed(by: try await .hs256(kid: kid, secret: bytes)), by: keys, with: .wrongAlgorithm
        )
    }

    @Test(arguments: ["other", "", "../k", "/etc/passwd", "k/../k", "k\u{0}", "K", "k ", "' OR 1=1 --"])
    func wrongKeyName(_ kid: String) async throws {
        let keys = try await rsaKeys()
        let key = try await TokenKey.pem(kid: "k", TestKeys.rsaPrivate)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["kid"] = kid
        await refuses(try forgery.signed(by: key), by: keys, with: .unknownKey)
    }

    @Test func missingKeyName() async throws {
        let keys = try await rsaKeys()
        let key = try await TokenKey.pem(kid: "k", TestKeys.rsaPrivate)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["kid"] = nil
        await refuses(try forgery.signed(by: key), by: keys, with: .unknownKey)
    }

    @Test func ownKeyInTheHeaderIsNotLookedAt() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let attacker = try await TokenKey.generateEd25519(kid: "mine")
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.header["jwk"] = ["kty": "OKP", "crv": "Ed25519", "x": attacker.publicKey?.x]
        forgery.header["jku"] = "https://attacker.example/jwks.json"
        await refuses(try forgery.signed(by: attacker), by: keys, with: .badSignature)
    }

    @Test func tamperedPayload() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.payload["roles"] = ["admin"]
        await refuses(try forgery.token, by: keys, with: .badSignature)
    }

    @Test func anyChangedBitIsNoticed() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let token = try await keys.createToken(claims(at: clock))
        for index in token.utf8.indices {
            var bytes = Array(token.utf8)
            let position = token.utf8.distance(from: token.utf8.startIndex, to: index)
            bytes[position] = bytes[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let changed = String(decoding: bytes, as: UTF8.self)
            await #expect(throws: TokenError.self) { try await keys.validateToken(changed) }
        }
    }

    @Test func sameTextInAnotherSpelling() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let token = try await keys.createToken(claims(at: clock))
        for text in [token + "=", token + "\n", " " + token, token + ".", "." + token, "Bearer " + token] {
            await #expect(throws: TokenError.self) { try await keys.validateToken(text) }
        }
    }

    @Test(arguments: ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "e30.e30.e30", "é.é.é"])
    func nonsense(_ text: String) async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        await #expect(throws: TokenError.self) { try await keys.validateToken(text) }
        #expect(throws: TokenError.self) { try keys.extractInfoFromToken(text) }
    }

    @Test func veryLongText() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        var claims = claims(at: clock)
        claims = AccessClaims(
            userID: claims.userID, roles: [], sessionID: String(repeating: "s", count: 9_000),
            issuedAt: claims.issuedAt, expiresAt: claims.expiresAt)
        await refuses(
            try await keys.createToken(claims), by: keys, with: .malformed("longer than any of ours"))
    }

    @Test func tokensForAnotherPurpose() async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let keys = try TokenKeys([key], signing: "k", clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        for type in ["JWT", "refresh+jwt", nil] {
            forgery.header["typ"] = type
            await refuses(try forgery.signed(by: key), by: keys, with: .malformed("typ"))
        }
        forgery.header["typ"] = "at+jwt"
        forgery.header["crit"] = ["exp"]
        await refuses(try forgery.signed(by: key), by: keys, with: .malformed("crit"))
    }

    @Test func wrongIssuerAndAudience() async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let ours = try TokenKeys([key], signing: "k", clock: clock)
        let otherIssuer = try TokenKeys([key], signing: "k", issuer: "bazaar", clock: clock)
        let otherAudience = try TokenKeys([key], signing: "k", audience: "bazaar", clock: clock)
        await refuses(try await otherIssuer.createToken(claims(at: clock)), by: ours, with: .wrongIssuer)
        await refuses(try await otherAudience.createToken(claims(at: clock)), by: ours, with: .wrongAudience)

        var forgery = try Forgery(try await ours.createToken(claims(at: clock)))
        forgery.payload["aud"] = ["bazaar", "souk"]
        try await ours.validateToken(try forgery.signed(by: key))
        forgery.payload["aud"] = [String]()
        await refuses(try forgery.signed(by: key), by: ours, with: .wrongAudience)
        forgery.payload["aud"] = ["soukx"]
        await refuses(try forgery.signed(by: key), by: ours, with: .wrongAudience)
    }

    @Test func expiryHasNoLeeway() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let claims = claims(at: clock)
        let token = try await keys.createToken(claims)
        clock.set(claims.expiresAt - .microseconds(1))
        try await keys.validateToken(token)
        clock.set(claims.expiresAt)
        await refuses(token, by: keys, with: .expired)
        #expect(try keys.extractInfoFromToken(token) == claims)
    }

    @Test func beginningHasThirtySecondsOfLeeway() async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let keys = try TokenKeys([key], signing: "k", clock: clock)
        let claims = claims(at: clock)
        let token = try await keys.createToken(claims)
        clock.set(claims.issuedAt - .seconds(30))
        try await keys.validateToken(token)
        clock.set(claims.issuedAt - .seconds(31))
        await refuses(token, by: keys, with: .notYetValid)

        clock.set(claims.issuedAt)
        var forgery = try Forgery(token)
        forgery.payload["nbf"] = claims.issuedAt.epochSeconds + 31
        await refuses(try forgery.signed(by: key), by: keys, with: .notYetValid)
        forgery.payload["nbf"] = claims.issuedAt.epochSeconds + 30
        try await keys.validateToken(try forgery.signed(by: key))
    }

    @Test(arguments: ["iss", "aud", "sub", "sid", "roles", "jti", "iat", "exp"])
    func everyClaimIsNeeded(_ name: String) async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let keys = try TokenKeys([key], signing: "k", clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.payload[name] = nil
        await refuses(try forgery.signed(by: key), by: keys, with: .malformed("claims"))
    }

    @Test func absurdDates() async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let keys = try TokenKeys([key], signing: "k", clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        for date in [1e300, -1, 9.3e18, 253_402_300_800] {
            forgery.payload["exp"] = date
            await refuses(try forgery.signed(by: key), by: keys, with: .malformed("exp"))
        }
    }

    @Test func unknownRolesGiveNothing() async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let keys = try TokenKeys([key], signing: "k", clock: clock)
        var forgery = try Forgery(try await keys.createToken(claims(at: clock)))
        forgery.payload["roles"] = ["Admin", "root", "customer"]
        #expect(try await keys.verify(try forgery.signed(by: key)).roles == [.customer])
    }
}
