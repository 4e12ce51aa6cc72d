import GRPCCore
import GRPCInProcessTransport
import SoukAuthToken
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCAccessTests {
    @Test func aServiceOfTheListCallsForItself() async throws {
        let keys = try TestKeys("order", "payment")
        let principal = Principal(userID: UserID(), roles: [.vendor, .customer], sessionID: "session-1")
        let seen = Mutex<RPCCall?>(nil)
        let parts = InProcess(
            access: .services(["payment"]), identities: keys.ring(for: "order"),
            identity: try keys.identity("payment")
        ) { text, context in
            #expect(context.call.context.principal == nil)
            seen.withLock { $0 = context.call }
            return text
        }
        let context = CallContext(
            requestID: "request-7", principal: principal, proof: AccessToken("secret"))
        let answer = try await parts.run { () async throws in try await parts.peer.ask("hello", context) }
        #expect(answer == "hello")
        let call = try #require(seen.withLock { $0 })
        #expect(call.caller == "payment")
        #expect(call.context.requestID == "request-7")
        #expect(call.context.principal == nil && call.context.proof == nil)
    }

    @Test func withoutAnIdentityACallIsUnauthenticated() async throws {
        let keys = try TestKeys("order", "payment")
        let parts = InProcess(access: .services(["payment"]), identities: keys.ring(for: "order")) {
            text, _ in
            Issue.record("was called")
            return text
        }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: { error in
                let failure = error as? RPCFailure
                return failure?.kind == .unauthenticated && failure?.code == "rpc.identity_required"
            }
            // Nor does saying so make one a user or a service.
            await #expect(throws: RPCFailure.self) {
                _ = try await parts.peer.ask(
                    metadata: ["souk-principal-id": "\(UserID())", "souk-identity": "payment"])
            }
        }
    }

    @Test func aTokenForAnotherServiceIsUnauthenticated() async throws {
        let keys = try TestKeys("order", "payment")
        // The client believes that it calls `order`, and what answers is `vendor`.
        let parts = InProcess(
            access: .services(["payment"]), identities: keys.ring(for: "vendor"),
            identity: try keys.identity("payment")
        ) { text, _ in text }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: {
                ($0 as? RPCFailure)?.kind == .unauthenticated
            }
        }
    }

    @Test func aServiceThatIsNotOfTheListIsForbidden() async throws {
        let keys = try TestKeys("order", "notification")
        let parts = InProcess(
            access: .services(["payment"]), identities: keys.ring(for: "order"),
            identity: try keys.identity("notification")
        ) { text, _ in text }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: { error in
                let failure = error as? RPCFailure
                return failure?.kind == .forbidden && failure?.code == "rpc.caller_not_allowed"
            }
        }
    }

    @Test func aUserNeedsAGoodTokenAndAnAccountInGoodStanding() async throws {
        let clock = SystemClock()
        let users = try await TokenKeys.generate(clock: clock)
        let (good, barred) = (UserID(), UserID())
        func token(_ user: UserID) async throws -> String {
            let now = clock.now()
            return try await users.createToken(
                AccessClaims(
                    userID: user, roles: [.customer], sessionID: "s", issuedAt: now,
                    expiresAt: now + .seconds(60)))
        }
        let transport = InProcessTransport()
        let service = TestService { _, context in "\(context.call.context.principal?.userID as Any)" }
        let server = RPCServer(
            transport: transport.server, services: [RPCService(service, access: .user)], identities: nil,
            verifier: users, accounts: StubAccounts([good: [.customer]]), logger: .silent)
        let peer = RPCPeer(name: "auth", transport: transport.client, identity: nil)
        let (goodToken, barredToken) = (try await token(good), try await token(barred))
        let identity = try TestKeys("order").identity("order").token(for: "souk")
        try await running([server, peer]) { () async throws in
            let answer = try await peer.ask(metadata: ["authorization": "Bearer \(goodToken)"])
            #expect(answer.contains("\(good)"))
            let refused: [(Metadata, String)] = [
                ([:], "token.missing"), (["authorization": "Bearer x"], "token.invalid"),
                (["authorization": "\(goodToken)"], "token.invalid"),
                (["authorization": "Bearer \(identity)"], "token.invalid"),
                (["authorization": "Bearer \(barredToken)"], "auth.account_inactive"),
            ]
            for (metadata, code) in refused {
                await #expect { _ = try await peer.ask(metadata: metadata) } throws: {
                    ($0 as? RPCFailure)?.code == code
                }
            }
        }
    }

    @Test(arguments: [
        ("5S", Duration.seconds(5)), ("100m", .milliseconds(100)), ("7u", .microseconds(7)),
        ("1H", .seconds(3_600)),
        ("2M", .seconds(120)), ("12345678n", .nanoseconds(12_345_678)),
    ]) func timeoutsAreRead(_ text: String, _ duration: Duration) {
        #expect(RPCTimeout.parse(text) == duration)
    }

    @Test(arguments: ["", "5", "S", "-1S", "123456789S", "1.5S", "5s", "５S"]) func otherTimeoutsAreNot(
        _ text: String
    ) {
        #expect(RPCTimeout.parse(text) == nil)
    }
}
