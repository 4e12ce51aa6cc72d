import ArgumentParser
import SoukAuthToken
import SoukCallContext
import SoukIDs
import SoukTime

/// Access tokens: signing, and verifying with every check, on one task.
struct TokensBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "Signs and verifies access tokens through SoukAuthToken.")

    @Option(help: "PEM file of the private key: RSA for RS256, Ed25519 for EdDSA.") var key: String
    @Option var seconds = 1.0
    @Option(help: "Different tokens that are verified by turns.") var tokens = 64

    func run() async throws {
        let signing = try await TokenKey.pem(kid: "bench", try ServerOptions.read(key))
        let keys = try TokenKeys([signing], signing: "bench")
        try await measure("sign", keys) { keys, _ in
            _ = try await keys.createToken(Self.claims())
        }
        var issued: [String] = []
        for _ in 0..<tokens { issued.append(try await keys.createToken(Self.claims())) }
        try await measure("verify", keys) { [issued] keys, round in
            _ = try await keys.verify(issued[round % issued.count])
        }
        try await measure("cached", VerifiedTokens(keys, clock: SystemClock())) { [issued] tokens, round in
            _ = try await tokens.verify(issued[round % issued.count])
        }
    }

    private func measure<Subject>(
        _ name: String, _ subject: Subject, _ operation: (Subject, Int) async throws -> Void
    ) async throws {
        let meter = Meter()
        let end = ContinuousClock.now + .seconds(seconds)
        var count = 0
        while ContinuousClock.now < end {
            // Looking at the clock costs something beside a cached verification.
            for _ in 0..<16 {
                try await operation(subject, count)
                count += 1
            }
        }
        try meter.measurement(name, operations: count).report()
    }

    private static func claims() -> AccessClaims {
        let now = SystemClock().now()
        return AccessClaims(
            userID: UserID(), roles: [.customer], sessionID: ID<SessionTag>().description, issuedAt: now,
            expiresAt: now + .seconds(900))
    }

    /// Tag of sessions that there are not.
    private enum SessionTag {}
}
