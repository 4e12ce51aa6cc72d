import Foundation
import SoukCache
import SoukEnv
import SoukTesting
import Testing

@testable import SoukCacheRedis

/// Redis from `SOUK_TEST_REDIS_URL`, or one of the test's own.
@Suite(
    .enabled(
        if: PrivateRedis.isInstalled || ProcessInfo.processInfo.environment["SOUK_TEST_REDIS_URL"] != nil,
        "needs redis-server, or SOUK_TEST_REDIS_URL (scripts/lib/redis.sh starts one)"),
    .timeLimit(.minutes(2)))
struct RedisCacheContractTests {
    private static let url = ProcessInfo.processInfo.environment["SOUK_TEST_REDIS_URL"]
    private static let server: PrivateRedis? = url == nil ? try? PrivateRedis() : nil

    @Test(arguments: CacheContract.allCases)
    func contract(_ testCase: CacheContract.Case) async throws {
        let url = try #require(Self.url ?? Self.server?.url)
        let fixture = CacheContract.Fixture(
            open: { try await connected(RedisOptions(url: url)) },
            elapse: { try await Task.sleep(for: $0) }, pace: 8)
        try await testCase.run(on: fixture)
    }
}

/// A cache that answers: the server may just be starting.
private func connected(_ options: RedisOptions) async throws -> RedisCache {
    let cache = try RedisCache.open(options)
    try await untilAnswered { try await cache.ping() }
    return cache
}

private func untilAnswered(_ body: () async throws -> Void) async throws {
    let end = ContinuousClock.now + .seconds(15)
    while true {
        do {
            return try await body()
        } catch {
            guard ContinuousClock.now < end else { throw error }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

@Suite(
    .enabled(if: PrivateRedis.isInstalled, "needs redis-server (Debian: redis-server)"),
    .timeLimit(.minutes(2)))
struct RedisCacheTests {
    private func set(_ cache: RedisCache, _ key: String, _ value: String) async throws {
        try await cache.set(key, Array(value.utf8), timeToLive: .seconds(60), condition: .always)
    }

    @Test func comesBackByItselfAfterACrash() async throws {
        let server = try PrivateRedis()
        let cache = try await connected(RedisOptions(url: server.url))
        try await set(cache, "k", "v")
        server.kill()
        // Found out by the first call; from then on every call fails at once.
        await #expect(throws: CacheError.self) { try await cache.ping() }
        let start = ContinuousClock.now
        for _ in 0..<200 { await #expect(throws: CacheError.self) { try await cache.ping() } }
        #expect(ContinuousClock.now - start < .seconds(1))
        try server.start()
        try await untilAnswered { try await cache.ping() }
        #expect(try await cache.get("k") == nil, "an empty server")
        #expect(
            try await cache.increment("n", by: 2, timeToLive: .seconds(60)) == 2, "scripts are sent again")
        await cache.close()
    }

    @Test func listensAgainAfterACrash() async throws {
        let server = try PrivateRedis()
        let cache = try await connected(RedisOptions(url: server.url))
        var messages = cache.messages(on: "news").makeAsyncIterator()
        for round in ["before", "after"] {
            if round == "after" {
                server.kill()
                try server.start()
                try await untilAnswered { try await cache.ping() }
            }
            // Again until it is listened to.
            let sending = Task {
                while !Task.isCancelled {
                    try? await cache.publish(Array(round.utf8), on: "news")
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            while let message = await messages.next(), message != Array(round.utf8) {}
            sending.cancel()
            _ = await sending.result
        }
        await cache.close()
        while await messages.next() != nil {}
    }

    @Test func nobodyListensAnyMoreWhenTheCacheIsGone() async throws {
        let server = try PrivateRedis()
        var cache: RedisCache? = try await connected(RedisOptions(url: server.url))
        var messages = try #require(cache?.messages(on: "news")).makeAsyncIterator()
        cache = nil
        #expect(await messages.next() == nil)
    }

    @Test func scriptsAreSentAgainWhenTheyWereForgotten() async throws {
        let server = try PrivateRedis()
        let cache = try await connected(RedisOptions(url: server.url))
        let connection = try RedisConnection(RedisOptions(url: server.url))
        for command in [RedisCommand("SCRIPT", "FLUSH"), RedisCommand("FLUSHALL")] {
            #expect(try await cache.increment("n", by: 1, timeToLive: .seconds(60)) == 1)
            _ = try await connection.send(command)
            _ = try await connection.send(RedisCommand("DEL", "n"))
        }
        await connection.close()
        await cache.close()
    }

    @Test func aServerThatHangsCostsOneTimeOutAndNoAnswerGoesAstray() async throws {
        let server = try PrivateRedis()
        var options = try RedisOptions(url: server.url)
        options.commandTimeout = .milliseconds(300)
        options.connectTimeout = .milliseconds(300)
        let cache = try await connected(options)
        try await set(cache, "a", "value of a")
        try await set(cache, "b", "value of b")
        let other = try RedisConnection(RedisOptions(url: server.url))
        async let asleep = other.send(RedisCommand("DEBUG", "SLEEP", "0"))
        _ = try await asleep
        options.commandTimeout = .milliseconds(500)
        let probe = try await connected(options)
        let sleeper = Task { try? await other.send(RedisCommand("EVAL", Self.busy, "0")) }
        // Once there is no answer for a while, what keeps the server busy has begun.
        while (try? await probe.ping()) != nil {}
        await probe.close()
        let start = ContinuousClock.now
        await #expect(throws: CacheError.self) { _ = try await cache.get("a") }
        let failed = ContinuousClock.now
        #expect(failed - start < .seconds(2))
        for _ in 0..<50 { await #expect(throws: CacheError.self) { _ = try await cache.get("a") } }
        #expect(ContinuousClock.now - failed < .seconds(2), "at once while it is known to be away")
        _ = await sleeper.value
        try await untilAnswered { try await cache.ping() }
        #expect(try await cache.get("b") == Array("value of b".utf8), "not the late answer for a")
        await other.close()
        await cache.close()
    }

    /// Keeps the server busy for about three seconds.
    private static let busy = """
        local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 3000000
        repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 1
        """

    @Test func thePipelineIsBounded() async throws {
        let server = try PrivateRedis()
        var options = try RedisOptions(url: server.url)
        options.pipelineLimit = 10
        let cache = try await connected(options)
        let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask {
                    do throws(CacheError) {
                        _ = try await cache.get("k\(number)")
                        return false
                    } catch {
                        return error == .unavailable("too many commands wait for Redis")
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(refused > 0)
        try await cache.ping()
        await cache.close()
    }

    @Test func passwordsAndDatabasesAreHeldApart() async throws {
        let secret = "s3cret-of-the-test"
        let server = try PrivateRedis("--requirepass", secret)
        let zero = try await connected(RedisOptions(url: server.url, password: Secret(secret)))
        let three = try await connected(RedisOptions(url: server.url + "/3", password: Secret(secret)))
        try await set(zero, "k", "zero")
        #expect(try await three.get("k") == nil)
        let user = try await connected(
            RedisOptions(
                url: "redis://default@127.0.0.1:\(server.port)", password: Secret(secret)))
        #expect(try await user.get("k") == Array("zero".utf8))
        for options in [
            try RedisOptions(url: server.url),
            try RedisOptions(url: server.url, password: Secret("wrong-" + secret)),
            try RedisOptions(url: "redis://nobody:\(secret)@127.0.0.1:\(server.port)"),
        ] {
            let cache = try RedisCache.open(options)
            do throws(CacheError) {
                try await cache.ping()
                Issue.record("it was let in")
            } catch {
                #expect("\(error) \(error.detail ?? "")".contains("Redis"))
                #expect(
                    !"\(error) \(String(reflecting: error)) \(String(reflecting: options))".contains(secret))
            }
            await cache.close()
        }
        for cache in [zero, three, user] { await cache.close() }
    }

    @Test func nobodyThereIsFoundOutSoon() async throws {
        let server = try PrivateRedis()
        server.kill()
        let cache = try RedisCache.open(RedisOptions(url: server.url))
        let start = ContinuousClock.now
        await #expect(throws: CacheError.self) { try await cache.ping() }
        #expect(ContinuousClock.now - start < .seconds(2))
        await cache.close()
    }

    @Test func closingBeforeAnythingWasAskedIsFine() async throws {
        let cache = try RedisCache.open(RedisOptions(url: "redis://127.0.0.1:1"))
        await cache.close()
        await #expect(throws: CacheError.closed) { try await cache.ping() }
    }
}

@Suite struct RedisOptionsTests {
    @Test func urlsAreTakenApart() throws {
        let plain = try RedisOptions(url: "redis://cache.internal")
        #expect(plain.endpoint == .tcp(host: "cache.internal", port: 6_379) && plain.database == 0)
        let full = try RedisOptions(url: "redis://app:pw@[::1]:7000/5")
        #expect(full.endpoint == .tcp(host: "::1", port: 7_000) && full.database == 5)
        #expect(full.user == "app" && full.password?.reveal() == "pw")
        let socket = try RedisOptions(url: "unix:///run/redis.sock?db=2")
        #expect(socket.endpoint == .socket("/run/redis.sock") && socket.database == 2)
    }

    @Test(arguments: [
        "", "nonsense", "http://x", "rediss://x", "redis://", "redis://h:0", "redis://h/x", "redis://h/-1",
        "redis://app@h", "redis://h?x=1", "unix://", "unix:///s?x=1",
    ])
    func othersAreRefusedWithoutBeingQuoted(url: String) {
        #expect(throws: CacheError.self) { try RedisOptions(url: url) }
        do throws(CacheError) {
            _ = try RedisOptions(url: "redis://app:topsecret@h:99999")
        } catch {
            #expect(!"\(error)".contains("topsecret"))
        }
    }

    @Test func errorRepliesShowTheirFirstWordOnly() {
        for code in ["NOAUTH", "WRONGPASS", "LOADING", "READONLY", "MOVED"] {
            #expect(RedisFailure(code: code).endsConnection && RedisFailure(code: code).text.contains(code))
        }
        #expect(!RedisFailure(code: "ERR").endsConnection)
    }
}
