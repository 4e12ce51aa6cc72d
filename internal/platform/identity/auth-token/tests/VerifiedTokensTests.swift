import SoukCallContext
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukAuthToken

/// Finds tokens good that begin with `good`, until their end; counts how often it is asked.
private final class CountingVerifier: TokenVerifier {
    let principal = Principal(userID: UserID(), roles: [.customer], sessionID: "s")
    let calls = Mutex(0)
    let expiresAt = Mutex<Timestamp?>(nil)

    func verify(_ token: String) async throws(TokenError) -> Principal {
        try await verifyForReuse(token).principal
    }

    func verifyForReuse(_ token: String) async throws(TokenError) -> VerifiedToken {
        calls.withLock { $0 += 1 }
        guard token.hasPrefix("good") else { throw .badSignature }
        return VerifiedToken(principal: principal, expiresAt: expiresAt.withLock { $0 })
    }
}

@Suite struct VerifiedTokensTests {
    private let clock = ManualClock()
    private let verifier = CountingVerifier()
    private let tokens: VerifiedTokens
    private let good = "good.payload.signature-of-it"

    init() {
        tokens = VerifiedTokens(verifier, clock: clock)
        verifier.expiresAt.withLock { $0 = clock.now() + .seconds(900) }
    }

    @Test func oneSeenBeforeIsNotVerifiedAgain() async throws {
        #expect(tokens.cached(good) == nil)
        #expect(try await tokens.verify(good) == verifier.principal)
        #expect(tokens.cached(good) == verifier.principal)
        #expect(verifier.calls.withLock { $0 } == 1)
        // All of its bytes count.
        #expect(tokens.cached("evil" + good.dropFirst(4)) == nil)
        #expect(tokens.cached("x" + good) == nil)
        #expect(tokens.cached(good + "x") == nil)
        #expect(tokens.cached("") == nil)
    }

    @Test func aMinuteAtMost() async throws {
        _ = try await tokens.verify(good)
        clock.advance(by: .milliseconds(59_999))
        #expect(tokens.cached(good) != nil)
        clock.advance(by: .milliseconds(1))
        #expect(tokens.cached(good) == nil)
        #expect(tokens.count == 0)
    }

    @Test func neverBeyondItsEnd() async throws {
        verifier.expiresAt.withLock { $0 = clock.now() + .seconds(10) }
        _ = try await tokens.verify(good)
        clock.advance(by: .milliseconds(9_999))
        #expect(tokens.cached(good) != nil)
        clock.advance(by: .milliseconds(1))
        #expect(tokens.cached(good) == nil)
    }

    @Test func badTokensAreNotRemembered() async {
        for _ in 0..<3 {
            await #expect(throws: TokenError.badSignature) {
                try await tokens.verify("evil.payload.signature")
            }
        }
        #expect(verifier.calls.withLock { $0 } == 3)
        #expect(tokens.count == 0)
    }

    @Test func whatHasNoKnownEndIsVerifiedEachTime() async throws {
        verifier.expiresAt.withLock { $0 = nil }
        _ = try await tokens.verify(good)
        verifier.expiresAt.withLock { $0 = clock.now() }
        _ = try await tokens.verify(good)
        #expect(tokens.count == 0)
    }

    @Test func longOnesAreVerifiedEachTime() async throws {
        _ = try await tokens.verify("good" + String(repeating: "x", count: VerifiedTokens.maxTokenBytes - 3))
        _ = try await tokens.verify("good.short")
        #expect(tokens.count == 0)
        _ = try await tokens.verify("good" + String(repeating: "x", count: VerifiedTokens.maxTokenBytes - 4))
        #expect(tokens.count == 1)
    }

    @Test func memoryIsBounded() async throws {
        for number in 0..<30_000 { _ = try await tokens.verify("good.\(number).signature-\(number * 7_919)") }
        #expect(tokens.count <= VerifiedTokens.capacity)
        #expect(tokens.count > VerifiedTokens.capacity / 2)
        #expect(tokens.cached("good.29999.signature-\(29_999 * 7_919)") != nil)
    }

    @Test func aClockSetBackForgets() async throws {
        let late = FixedClock(clock.now() + .seconds(3_600))
        let tokens = VerifiedTokens(verifier, clock: late)
        verifier.expiresAt.withLock { $0 = late.now() + .seconds(900) }
        _ = try await tokens.verify(good)
        late.set(late.now() - .milliseconds(900))
        #expect(tokens.cached(good) != nil)
        late.set(clock.now())
        #expect(tokens.cached(good) == nil)
    }

    /// The real thing: what it remembers is what the keys said.
    @Test func withRealKeys() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let tokens = VerifiedTokens(keys, clock: clock)
        let claims = AccessClaims(
            userID: UserID(), roles: [.vendor], sessionID: "s", issuedAt: clock.now(),
            expiresAt: clock.now() + .seconds(30))
        let token = try await keys.createToken(claims)
        #expect(try await tokens.verify(token) == claims.principal)
        #expect(tokens.cached(token) == claims.principal)
        #expect(tokens.cached(String(token.dropLast())) == nil)
        clock.advance(by: .seconds(30))
        #expect(tokens.cached(token) == nil)
        await #expect(throws: TokenError.expired) { try await tokens.verify(token) }
    }
}
