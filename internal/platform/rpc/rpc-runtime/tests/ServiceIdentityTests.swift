import Foundation
import JWTKit
import SoukAuthToken
import SoukCallContext
import SoukEnv
import SoukErrors
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukRPCRuntime

@Suite struct ServiceIdentityTests {
    @Test func aTokenProvesItsService() async throws {
        let keys = try TestKeys("order", "payment")
        let token = try keys.identity("order").token(for: "payment")
        #expect(try await keys.ring(for: "payment").caller(of: token) == "order")
    }

    @Test func aTokenIsForOneServiceOnly() async throws {
        let keys = try TestKeys("order", "payment")
        let token = try keys.identity("order").token(for: "vendor")
        await #expect(throws: ServiceTokenError.wrongAudience) {
            _ = try await keys.ring(for: "payment").caller(of: token)
        }
    }

    @Test func aTokenSignedWithAnotherKeyIsRefused() async throws {
        let (keys, strangers) = (try TestKeys("order"), try TestKeys("order", "stranger"))
        await #expect(throws: ServiceTokenError.badSignature) {
            _ = try await keys.ring(for: "payment").caller(
                of: strangers.identity("order").token(for: "payment"))
        }
        await #expect(throws: ServiceTokenError.unknownService) {
            _ = try await keys.ring(for: "payment").caller(
                of: strangers.identity("stranger").token(for: "payment"))
        }
    }

    @Test func aServiceCanNotNameAnother() async throws {
        let keys = try TestKeys("order", "payment")
        let key = try EdDSA.PrivateKey()
        try keys.publish(key.publicKey, as: "order")
        let now = SystemClock().now()
        // Signed by order's key and naming it as the key, but issued in the name of payment.
        let input = try ServiceToken.signingInput(service: "payment", audience: "vendor", now: now)
        let header = ServiceToken.text(
            try JSONEncoder().encode(ServiceToken.Header(alg: "EdDSA", kid: "order", typ: ServiceToken.type)))
        let forged = "\(header).\(input.split(separator: ".")[1])"
        let signer = try #require(try? Self.sign(forged, key))
        await #expect(throws: ServiceTokenError.wrongAudience) {
            _ = try await keys.ring(for: "vendor").caller(of: signer)
        }
    }

    @Test func aTokenEndsAMinuteAndTheLeewayAfterItBegan() async throws {
        let clock = ManualClock()
        let keys = try TestKeys("order")
        let token = try keys.identity("order", clock: clock).token(for: "payment")
        let ring = keys.ring(for: "payment", clock: clock)
        clock.advance(by: .seconds(64))
        #expect(try await ring.caller(of: token) == "order")
        clock.advance(by: .seconds(1))
        await #expect(throws: ServiceTokenError.expired) { _ = try await ring.caller(of: token) }
        // Not because it was seen before: a ring that sees it first refuses it as well.
        await #expect(throws: ServiceTokenError.expired) {
            _ = try await keys.ring(for: "payment", clock: clock).caller(of: token)
        }
    }

    @Test(arguments: [(5, true), (6, false)]) func clocksMayBeApartByTheLeeway(
        _ ahead: Int64, _ accepted: Bool
    ) async throws {
        let keys = try TestKeys("order")
        let (callers, ours) = (ManualClock(), ManualClock())
        callers.advance(by: .seconds(ahead))
        let token = try keys.identity("order", clock: callers).token(for: "payment")
        let ring = keys.ring(for: "payment", clock: ours)
        if accepted {
            #expect(try await ring.caller(of: token) == "order")
        } else {
            await #expect(throws: ServiceTokenError.wrongLifetime) { _ = try await ring.caller(of: token) }
        }
    }

    @Test func aTokenIsUsedForHalfOfItsLife() throws {
        let clock = ManualClock()
        let identity = try TestKeys("order").identity("order", clock: clock)
        let first = try identity.token(for: "payment")
        #expect(try identity.token(for: "vendor") != first)
        clock.advance(by: .seconds(29))
        #expect(try identity.token(for: "payment") == first)
        clock.advance(by: .seconds(1))
        #expect(try identity.token(for: "payment") != first)
    }

    @Test func aUsersTokenIsNoIdentityAndTheOtherWayRound() async throws {
        let clock = ManualClock()
        let keys = try TestKeys("order")
        let users = try await TokenKeys.generate(clock: clock)
        let now = clock.now()
        let access = try await users.createToken(
            AccessClaims(
                userID: UserID(), roles: [.admin], sessionID: "s", issuedAt: now,
                expiresAt: now + .seconds(60)))
        await #expect(throws: ServiceTokenError.malformed("typ or alg")) {
            _ = try await keys.ring(for: "payment", clock: clock).caller(of: access)
        }
        let identity = try keys.identity("order", clock: clock).token(for: "souk")
        await #expect(throws: TokenError.self) { _ = try await users.verify(identity) }
    }

    @Test func newAndReplacedKeysAreFoundAndRemovedOnesForgotten() async throws {
        let clock = ManualClock()
        let (keys, later) = (try TestKeys("order"), try TestKeys("order", "vendor"))
        let ring = keys.ring(for: "payment", clock: clock)
        let old = try keys.identity("order", clock: clock).token(for: "payment")
        #expect(try await ring.caller(of: old) == "order")

        for service in ["order", "vendor"] {
            try Data(contentsOf: URL(fileURLWithPath: later.folder.path("\(service).pem")))
                .write(to: URL(fileURLWithPath: keys.folder.path("\(service).pem")))
        }
        let replaced = try later.identity("order", clock: clock).token(for: "payment")
        // The folder is not read for every bad token: at most once a second.
        await #expect(throws: ServiceTokenError.badSignature) { _ = try await ring.caller(of: replaced) }
        clock.advance(by: .seconds(1))
        #expect(try await ring.caller(of: replaced) == "order")
        #expect(
            try await ring.caller(of: later.identity("vendor", clock: clock).token(for: "payment"))
                == "vendor")

        try FileManager.default.removeItem(atPath: keys.folder.path("vendor.pem"))
        clock.advance(by: .seconds(30))
        await #expect(throws: ServiceTokenError.unknownService) {
            _ = try await ring.caller(of: later.identity("vendor", clock: clock).token(for: "payment"))
        }
    }

    @Test(arguments: ["", "a", "a.b.c", "....", String(repeating: "x", count: 2_000), "e30.e30.e30"])
    func whatIsNoTokenIsRefused(_ text: String) async throws {
        let keys = try TestKeys("order")
        do {
            _ = try await keys.ring(for: "payment").caller(of: text)
            Issue.record("accepted")
        } catch {
            guard case .malformed = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func aPrivateKeyShowsInNoError() throws {
        let pem = try EdDSA.PrivateKey().pemRepresentation
        let broken = pem.replacing("MC4C", with: "")
        do {
            _ = try ServiceIdentity(service: "order", privateKeyPEM: Secret(broken))
            Issue.record("accepted")
        } catch {
            #expect(!"\(error)".contains(pem.split(separator: "\n")[1]))
        }
        #expect(throws: ServiceKeyError.self) {
            _ = try ServiceIdentity(service: "../order", privateKeyPEM: Secret(pem))
        }
    }

    private static func sign(_ input: String, _ key: EdDSA.PrivateKey) throws -> String {
        let signature = try Curve25519Signer.sign(Data(input.utf8), key.rawRepresentation)
        return "\(input).\(ServiceToken.text(signature))"
    }
}
