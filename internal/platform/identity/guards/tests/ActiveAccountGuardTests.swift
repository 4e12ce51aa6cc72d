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

/// An account service that can be unavailable.
final class Accounts: Sendable {
    struct Away: Error {}

    private let state = Mutex<(status: AccountStatus?, questions: Int)>((.customer(version: 1), 0))

    var status: AccountStatus? {
        get { state.withLock { $0.status } }
        set { state.withLock { $0.status = newValue } }
    }

    var questions: Int { state.withLock { $0.questions } }

    @Sendable func ask(_: UserID, _: String, _: CallContext) async throws -> AccountStatus {
        let status = state.withLock { state in
            state.questions += 1
            return state.status
        }
        guard let status else { throw Away() }
        return status
    }
}

extension AccountStatus {
    static let ended = AccountStatus(.ended, roles: [], version: 2)
    static let deactivated = AccountStatus(.deactivated, roles: [], version: 2)

    static func customer(version: Int) -> AccountStatus {
        AccountStatus(.active, roles: [.customer], version: version)
    }

    static func admin(version: Int) -> AccountStatus {
        AccountStatus(.active, roles: [.customer, .admin], version: version)
    }
}

extension ActiveAccountGuard {
    /// By what is remembered.
    @discardableResult
    func admit(_ caller: Principal, _ context: CallContext) async throws -> Principal {
        try await admit(caller, .remembered, context)
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
        (AccountStatus.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func refusesWhatIsOver(status: AccountStatus, refusal: AccountRefusal) async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.status = status
        try await guards.admit(caller, call)
        #expect(accounts.questions == 1, "remembered")
        guards.announce(AccountChange(userID: caller.userID, sessionIDs: ["s-1"]))
        await #expect(throws: refusal) { try await guards.admit(caller, call) }
    }

    /// No event, no drop: the bound is what is remembered in memory.
    @Test func withoutAnyEventItFindsOutWithinTheMemorysLifetime() async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.status = .ended
        clock.advance(by: .seconds(2))
        await #expect(throws: AccountRefusal.sessionEnded) { try await guards.admit(caller, call) }
    }

    /// No event, and a shared cache that nobody told: the bound is what is believed there, and in memory.
    @Test func withoutAnyEventAllProcessesFindOutWithinTheSharedCachesLifetime() async throws {
        let cache = MemoryCache(capacity: 100, clock: clock)
        accounts.status = .admin(version: 1)
        let one = accountGuard(cache), two = accountGuard(cache)
        for guards in [one, two] { #expect(try await guards.admit(caller, call).has(.admin)) }
        accounts.status = .customer(version: 2)
        clock.advance(by: .seconds(58))
        for guards in [one, two] { #expect(try await guards.admit(caller, call).has(.admin)) }
        clock.advance(by: .seconds(4))
        for guards in [one, two] { #expect(try await !guards.admit(caller, call).has(.admin)) }
    }

    @Test func theRolesAreTheAccountsAndNotTheTokens() async throws {
        let guards = accountGuard()
        let former = Principal(userID: UserID(), roles: [.customer, .admin, .vendor], sessionID: "s")
        #expect(try await guards.admit(former, call).roles == [.customer])
        // A role that was given since is there without another token.
        accounts.status = .admin(version: 2)
        guards.announce(AccountChange(userID: former.userID, sessionIDs: ["s"]))
        let admitted = try await guards.admit(former, call)
        #expect(admitted.roles == [.customer, .admin])
        #expect(admitted.userID == former.userID && admitted.sessionID == former.sessionID)
    }

    @Test func dropsAUser() async throws {
        let guards = accountGuard()
        try await guards.admit(caller, call)
        accounts.status = .deactivated
        guards.announce(AccountChange(userID: caller.userID, sessionIDs: [caller.sessionID]))
        await #expect(throws: AccountRefusal.accountInactive) { try await guards.admit(caller, call) }
    }

    // MARK: Current

    @Test func theCurrentStatusIsAskedEachTimePastEveryCache() async throws {
        let cache = MemoryCache(capacity: 100, clock: clock)
        let guards = accountGuard(cache)
        accounts.status = .admin(version: 1)
        #expect(try await guards.admit(caller, call).has(.admin))
        accounts.status = .customer(version: 2)
        #expect(try await guards.admit(caller, call).has(.admin), "remembered")
        #expect(try await !guards.admit(caller, .current, call).has(.admin))
        #expect(accounts.questions == 2)
        // What was remembered is known to be untrue from then on, in memory and in the shared cache.
        #expect(try await !guards.admit(caller, call).has(.admin))
        accounts.status = .ended
        await #expect(throws: AccountRefusal.sessionEnded) {
            try await guards.admit(caller, .current, call)
        }
    }

    @Test func withoutTheAccountServiceNobodyIsCurrent() async throws {
        let guards = accountGuard(MemoryCache(capacity: 100, clock: clock))
        try await guards.admit(caller, call)
        accounts.status = nil
        try await guards.admit(caller, call)
        await #expect { try await guards.admit(caller, .current, call) } throws: {
            ($0 as? AccountRefusal)?.kind == .unavailable
        }
    }

    // MARK: Versions

    /// Another process stores an older status after this one has seen a newer: it isn't believed, and is replaced.
    @Test func anOlderStatusNeverTakesThePlaceOfANewer() async throws {
        let cache = MemoryCache(capacity: 100, clock: clock)
        let key = "standing:\(caller.userID):s-1"
        accounts.status = .admin(version: 1)
        try await accountGuard(cache).admit(caller, call)
        let old = try #require(try await cache.get(key))
        let guards = accountGuard(cache)
        accounts.status = .customer(version: 2)
        #expect(try await !guards.admit(caller, .current, call).has(.admin))
        for _ in 0..<2 {
            _ = try await cache.set(key, old, timeToLive: .seconds(60), condition: .always)
            clock.advance(by: .seconds(2))
            #expect(try await !guards.admit(caller, call).has(.admin))
            #expect(try await cache.get(key) != old, "replaced")
        }
        // The event tells the version to a process that has seen nothing of it yet.
        let third = accountGuard(cache)
        _ = try await cache.set(key, old, timeToLive: .seconds(60), condition: .always)
        third.announce(AccountChange(userID: caller.userID, sessionIDs: [], version: 2))
        #expect(try await !third.admit(caller, call).has(.admin))
    }

    @Test func anEntryOfAnEarlierReleaseIsReplaced() async throws {
        let cache = MemoryCache(capacity: 100, clock: clock)
        let key = "standing:\(caller.userID):s-1"
        let stored = #"{"value":"active","loadedAt":"\#(clock.now())"}"#
        _ = try await cache.set(key, Array(stored.utf8), timeToLive: .seconds(60), condition: .always)
        accounts.status = .ended
        await #expect(throws: AccountRefusal.sessionEnded) {
            try await accountGuard(cache).admit(caller, call)
        }
        let replaced = String(decoding: try #require(try await cache.get(key)), as: UTF8.self)
        #expect(replaced.contains(#""session":"ended""#))
    }

    // MARK: Unavailable

    @Test func whoeverCannotBeCheckedIsNotLetIn() async throws {
        let guards = accountGuard(MemoryCache(capacity: 100, clock: clock))
        accounts.status = nil
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
        accounts.status = nil
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
        accounts.status = nil
        clock.advance(by: .seconds(3))
        await #expect(throws: AccountRefusal.self) { try await guards.admit(caller, call) }

        // The session ends while Redis can't be told; then Redis comes back, empty.
        accounts.status = .ended
        guards.announce(AccountChange(userID: caller.userID, sessionIDs: ["s-1"]))
        try server.start()
        try await untilItAnswers(cache)
        clock.advance(by: .seconds(3))
        await #expect(throws: AccountRefusal.sessionEnded) { try await guards.admit(caller, call) }
        await cache.close()
    }

    @Test func everyProcessForgetsAtOnce() async throws {
        let server = try PrivateRedis()
        let (one, two) = (
            try RedisCache.open(RedisOptions(url: server.url)),
            try RedisCache.open(RedisOptions(url: server.url))
        )
        try await untilItAnswers(one)
        // Nobody's memory ends meanwhile.
        let clock = ManualClock(), accounts = Accounts()
        let here = ActiveAccountGuard(cache: one, clock: clock, source: accounts.ask)
        let others = [one, two].map { ActiveAccountGuard(cache: $0, clock: clock, source: accounts.ask) }
        try await withThrowingDiscardingTaskGroup { tasks in
            for guards in [here] + others { tasks.addTask { try await guards.run() } }
            for guards in others { try await guards.admit(caller, call) }
            accounts.status = .ended
            for guards in others {
                let end = ContinuousClock.now + .seconds(15)
                // Again until it listens.
                while (try? await guards.admit(caller, call)) != nil, ContinuousClock.now < end {
                    here.announce(AccountChange(userID: caller.userID, sessionIDs: [caller.sessionID]))
                    try await Task.sleep(for: .milliseconds(20))
                }
                await #expect(throws: AccountRefusal.sessionEnded) { try await guards.admit(caller, call) }
            }
            tasks.cancelAll()
        }
        await one.close()
        await two.close()
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
        accounts.status = .ended
        here.announce(AccountChange(userID: caller.userID, sessionIDs: ["s-1"]))
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
