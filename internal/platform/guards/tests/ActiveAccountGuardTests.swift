import SoukAuthToken
import SoukCache
import SoukCacheRedis
import SoukCallContext
import SoukErrors
import SoukGuards
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

/// An account service that can be away.
final class Accounts: Sendable {
    struct Away: Error {}

    private let state = Mutex<(standing: AccountStanding?, questions: Int)>((.active, 0))

    var standing: AccountStanding? {
        get { state.withLock { $0.standing } }
        set { state.withLock { $0.standing = newValue } }
    }

    var questions: Int { state.withLock { $0.questions } }

    @Sendable func ask(_: UserID, _: String, _: CallContext) async throws -> AccountStanding {
        let standing = state.withLock { state in
            state.questions += 1
            return state.standing
        }
        guard let standing else { throw Away() }
        return standing
    }
}

let caller = Principal(userID: UserID(), roles: [.customer], sessionID: "s-1")
let call = CallContext(requestID: "test")

@Suite struct ActiveAccountGuardTests {
    let clock = ManualClock()
    let accounts = Accounts()

    private func accountGuard(_ cache: (any Cache)? = nil) -> ActiveAccountGuard {
        ActiveAccountGuard(cache: cache, clock: clock, source: accounts.ask)
    }

    @Test(arguments: [
        (AccountStanding.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func refusesWhatIsOver(standing: AccountStanding, refusal: AccountRefusal) async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.standing = standing
        try await guards.admit(caller, call)
        #expect(accounts.questions == 1, "remembered")
        guards.drop(sessions: ["s-1"], of: caller.userID)
        await #expect(throws: refusal) { try await guards.admit(caller, call) }
    }

    @Test func withoutBeingToldItFindsOutWithinTheMemorysLifetime() async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.standing = .ended
        clock.advance(by: .seconds(2))
        await #expect(throws: AccountRefusal.sessionEnded) { try await guards.admit(caller, call) }
    }

    @Test func dropsAUser() async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.standing = .deactivated
        guards.drop(user: caller.userID)
        await #expect(throws: AccountRefusal.accountInactive) { try await guards.admit(caller, call) }
    }

    @Test func whoeverCannotBeCheckedIsNotLetIn() async throws {
        let guards = accountGuard(MemoryCache(capacity: 100, clock: clock))
        accounts.standing = nil
        do {
            try await guards.admit(caller, call)
            Issue.record("let in")
        } catch let error as AccountRefusal {
            #expect(error.kind == .unavailable && error.retryAfter != nil)
        }
    }

    @Test func knownSessionsGoOnWhileTheAccountServiceIsAway() async throws {
        let cache = MemoryCache(capacity: 100, clock: clock)
        try await accountGuard(cache).admit(caller, call)
        accounts.standing = nil
        let restarted = accountGuard(cache)
        for _ in 0..<10 {
            try await restarted.admit(caller, call)
            clock.advance(by: .seconds(60))
        }
        clock.advance(by: .seconds(600))
        await #expect(throws: AccountRefusal.self) { try await restarted.admit(caller, call) }
    }
}

/// The guard over a Redis that dies, forgets and comes back.
@Suite(
    .enabled(if: PrivateRedis.isInstalled, "needs redis-server (Debian: redis-server)"),
    .timeLimit(.minutes(2)))
struct LostRedisTests {
    private func untilItAnswers(_ cache: RedisCache) async throws {
        let end = ContinuousClock.now + .seconds(15)
        while (try? await cache.ping()) == nil, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await cache.ping()
    }

    @Test func aRedisThatIsKilledAndComesBackEmptyNeitherGrantsNorShutsOut() async throws {
        let server = try PrivateRedis()
        let cache = try RedisCache.open(RedisOptions(url: server.url))
        try await untilItAnswers(cache)
        let clock = ManualClock(), accounts = Accounts()
        let guards = ActiveAccountGuard(cache: cache, clock: clock, source: accounts.ask)
        try await guards.admit(caller, call)

        // Redis gone: the account service is asked.
        server.kill()
        clock.advance(by: .seconds(3))
        try await guards.admit(caller, call)
        #expect(accounts.questions == 2)

        // Both gone: nobody is let in.
        accounts.standing = nil
        clock.advance(by: .seconds(3))
        await #expect(throws: AccountRefusal.self) { try await guards.admit(caller, call) }

        // The session ends while Redis can't be told; then Redis comes back, empty.
        accounts.standing = .ended
        guards.drop(sessions: ["s-1"], of: caller.userID)
        try server.start()
        try await untilItAnswers(cache)
        clock.advance(by: .seconds(3))
        await #expect(throws: AccountRefusal.sessionEnded) { try await guards.admit(caller, call) }
        await cache.close()
    }

    @Test func anotherProcessLearnsOfAnEndThroughRedis() async throws {
        let server = try PrivateRedis()
        let one = try RedisCache.open(RedisOptions(url: server.url))
        let two = try RedisCache.open(RedisOptions(url: server.url))
        try await untilItAnswers(one)
        try await untilItAnswers(two)
        let clock = ManualClock(), accounts = Accounts()
        let here = ActiveAccountGuard(cache: one, clock: clock, source: accounts.ask)
        let there = ActiveAccountGuard(cache: two, clock: clock, source: accounts.ask)
        let running = Task { try await here.run() }
        try await here.admit(caller, call)
        try await there.admit(caller, call)
        #expect(accounts.questions == 1, "the other took it from Redis")
        accounts.standing = .ended
        here.drop(sessions: ["s-1"], of: caller.userID)
        let key = "standing:\(caller.userID):s-1"
        let end = ContinuousClock.now + .seconds(10)
        while try await two.get(key) != nil, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        clock.advance(by: .seconds(2))
        await #expect(throws: AccountRefusal.sessionEnded) { try await there.admit(caller, call) }
        running.cancel()
        _ = await running.result
        await one.close()
        await two.close()
    }
}
