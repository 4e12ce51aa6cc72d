import Foundation
import Hummingbird
import SoukAuthToken
import SoukCache
import SoukCallContext
import SoukErrors
import SoukGuards
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

/// Serves what it is told to, and counts.
final class KeyServer: Sendable {
    private let state = Mutex<(body: String?, requests: Int)>((nil, 0))

    var body: String? {
        get { state.withLock { $0.body } }
        set { state.withLock { $0.body = newValue } }
    }

    var requests: Int { state.withLock { $0.requests } }

    func publish(_ keys: TokenKeys) throws {
        body = String(decoding: try JSONEncoder().encode(keys.jwks()), as: UTF8.self)
    }

    /// Runs the body while the server listens; it answers 503 while there is nothing to serve.
    func run(_ test: @escaping @Sendable (_ url: String) async throws -> Void) async throws {
        let router = Router()
        router.get("/jwks") { [self] _, _ -> Response in
            let body = state.withLock { state in
                state.requests += 1
                return state.body
            }
            guard let body else { return Response(status: .serviceUnavailable) }
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
        }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                port.yield(channel.localAddress?.port ?? 0)
                port.finish()
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                for await port in ports { try await test("http://127.0.0.1:\(port)/jwks") }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct RemoteTokenKeysTests {
    let clock = ManualClock()
    let server = KeyServer()

    private func token(_ keys: TokenKeys) async throws -> String {
        try await keys.createToken(
            AccessClaims(
                userID: UserID(), roles: [.customer], sessionID: "s", issuedAt: clock.now(),
                expiresAt: clock.now() + .seconds(900)))
    }

    private func remote(_ url: String, _ cache: (any Cache)? = nil) -> RemoteTokenKeys {
        RemoteTokenKeys(RemoteTokenKeys.Options(url: url), cache: cache, clock: clock)
    }

    @Test func verifiesWithKeysFetchedOnce() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        try server.publish(keys)
        try await server.run { url in
            let remote = remote(url)
            let token = try await token(keys)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 { group.addTask { _ = try await remote.verify(token) } }
                try await group.waitForAll()
            }
            let verified = try await remote.verifyForReuse(token)
            #expect(verified.expiresAt == clock.now() + .seconds(900))
            #expect(verified.principal == (try await remote.verify(token)))
            #expect(server.requests == 1)
            await #expect(throws: TokenError.badSignature) {
                try await remote.verify(String(token.dropLast(4) + "AAAA"))
            }
        }
    }

    @Test func aThousandUnknownKeysCauseOneFetch() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        try server.publish(keys)
        try await server.run { url in
            let remote = remote(url)
            _ = try await remote.verify(try await token(keys))
            clock.advance(by: .seconds(5))
            let stranger = try await TokenKeys.generate(clock: clock)
            let parts = try await token(stranger).split(separator: ".")
            let unknown = TokenError.unknownKey
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let header = #"{"alg":"EdDSA","kid":"k\#(number)","typ":"at+jwt"}"#
                        let text = Data(header.utf8).base64EncodedString().replacing("=", with: "")
                        await #expect(throws: unknown) {
                            try await remote.verify("\(text).\(parts[1]).\(parts[2])")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.requests == 2)
        }
    }

    @Test func newKeysAreFoundAndRemovedOnesRefused() async throws {
        let (old, new) = (
            try await TokenKeys.generate(clock: clock), try await TokenKeys.generate(clock: clock)
        )
        try server.publish(old)
        try await server.run { url in
            let remote = remote(url)
            _ = try await remote.verify(try await token(old))
            try server.publish(new)
            clock.advance(by: .seconds(5))
            _ = try await remote.verify(try await token(new))
            await #expect(throws: TokenError.unknownKey) { try await remote.verify(try await token(old)) }
        }
    }

    @Test func theLastGoodKeysServeARestartWhileAuthIsAway() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        let cache = MemoryCache(capacity: 10, clock: clock)
        try server.publish(keys)
        try await server.run { url in
            _ = try await remote(url, cache).verify(try await token(keys))
            server.body = nil
            let restarted = remote(url, cache)
            _ = try await restarted.verify(try await token(keys))
            let other = try await TokenKeys.generate(clock: clock)
            // Whether it is a new key of auth's can't be told now.
            await #expect {
                try await restarted.verify(try await token(other))
            } throws: { ($0 as? TokenError)?.kind == .unavailable }
            clock.advance(by: .seconds(24 * 3_600))
            await #expect {
                try await restarted.verify(try await token(keys))
            } throws: { ($0 as? TokenError)?.kind == .unavailable }
        }
    }

    @Test func withoutAnyKeysNobodyIsLetInAndTheServerIsNotStormed() async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        try await server.run { url in
            let remote = remote(url)
            for _ in 0..<20 {
                await #expect {
                    try await remote.verify(try await token(keys))
                } throws: {
                    let error = $0 as? TokenError
                    return error?.kind == .unavailable && error?.retryAfter != nil
                }
            }
            #expect(server.requests == 1)
            try server.publish(keys)
            clock.advance(by: .seconds(5))
            _ = try await remote.verify(try await token(keys))
        }
    }

    @Test(arguments: [
        "", "[]", "nonsense", #"{"keys": 5}"#,
        #"{"keys": [], "filler": ""# + String(repeating: "x", count: 70_000) + #""}"#,
    ])
    func answersThatAreNoKeySetsAreNotBelieved(body: String) async throws {
        let keys = try await TokenKeys.generate(clock: clock)
        server.body = body
        try await server.run { url in
            let token = try await token(keys)
            await #expect { try await remote(url).verify(token) } throws: {
                ($0 as? TokenError)?.kind == .unavailable
            }
        }
    }

    @Test func symmetricKeysAreNeverTakenAndUnknownKindsPassedOver() async throws {
        let secret = [UInt8](repeating: 7, count: 32)
        let symmetric = try TokenKeys(
            [try await .hs256(kid: "sym", secret: secret)], signing: "sym", clock: clock)
        let good = try await TokenKeys.generate(clock: clock)
        let jwks = try #require(String(data: JSONEncoder().encode(good.jwks().keys), encoding: .utf8))
        let k = Data(secret).base64EncodedString().replacing("=", with: "").replacing("/", with: "_")
        server.body = """
            {"keys": [{"kty": "oct", "kid": "sym", "use": "sig", "alg": "HS256", "k": "\(k)"},
            {"kty": "EC", "kid": "ec", "crv": "P-256"}, \(jwks.dropFirst().dropLast())]}
            """
        try await server.run { url in
            let remote = remote(url)
            _ = try await remote.verify(try await token(good))
            await #expect(throws: TokenError.unknownKey) {
                try await remote.verify(try await token(symmetric))
            }
        }
    }
}
