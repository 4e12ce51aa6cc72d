import SoukCache
import SoukTesting
import Synchronization
import Testing

@Suite struct TwoTierCacheTests {
    /// A source that answers what it is set to when it is let.
    final class Source: Sendable {
        private let state: Mutex<(value: String?, loads: Int)>
        let started = TestSignal()
        let mayAnswer = TestSignal()

        init(_ value: String?, isHeld: Bool = false) {
            state = Mutex((value, 0))
            if !isHeld { mayAnswer.fire() }
        }

        struct Away: Error, Equatable {}

        var value: String? {
            get { state.withLock { $0.value } }
            set { state.withLock { $0.value = newValue } }
        }

        var loads: Int { state.withLock { $0.loads } }

        /// Answers with what was so when it was asked.
        @Sendable func load() async throws -> String {
            let value = state.withLock { state in
                state.loads += 1
                return state.value
            }
            started.fire()
            await mayAnswer.wait()
            guard let value else { throw Away() }
            return value
        }
    }

    let clock = ManualClock()
    let shared: FaultyCache

    init() {
        shared = FaultyCache(MemoryCache(capacity: 1_000, clock: clock))
    }

    private func tier() -> TwoTierCache<String> { TwoTierCache(shared: shared, clock: clock) }

    @Test func memoryThenSharedThenSource() async throws {
        let (one, other, source) = (tier(), tier(), Source("a"))
        #expect(try await one.value(for: "k", load: source.load) == "a")
        #expect(one.remembered("k") == "a" && other.remembered("k") == nil)
        #expect(try await other.value(for: "k", load: source.load) == "a")
        #expect(source.loads == 1, "the other process asks the shared cache")
        let calls = shared.calls
        #expect(try await one.value(for: "k", load: source.load) == "a")
        #expect(shared.calls == calls, "memory asks nobody")
        clock.advance(by: .seconds(3))
        #expect(one.remembered("k") == nil)
        _ = try await one.value(for: "k", load: source.load)
        #expect(source.loads == 1)
        clock.advance(by: .seconds(60))
        source.value = "b"
        #expect(try await one.value(for: "k", load: source.load) == "b", "no longer fresh")
        #expect(try await other.value(for: "k", load: source.load) == "b", "stored in place of the old one")
        #expect(source.loads == 2)
    }

    @Test func manyAskOnceAndACancelledOneLeavesTheOthersAlone() async throws {
        let (cache, source) = (tier(), Source("a", isHeld: true))
        let cancelled = Task { try await cache.value(for: "k", load: source.load) }
        await source.started.wait()
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await cache.value(for: "k", load: source.load) } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            source.mayAnswer.fire()
            for try await value in group { #expect(value == "a") }
        }
        #expect(source.loads == 1)
    }

    @Test(arguments: [false, true])
    func aLoadThatIsOvertakenByAnInvalidationIsNeverStored(sharedForgetsAll: Bool) async throws {
        let (cache, other) = (tier(), tier())
        let (old, new) = (Source("old", isHeld: true), Source("new"))
        let overtaken = Task { try await cache.value(for: "k", load: old.load) }
        await old.started.wait()
        // In another process, as after the commit of a change; then the shared cache loses everything.
        await other.invalidate("k")
        if sharedForgetsAll { _ = try await shared.delete(["k"]) }
        old.mayAnswer.fire()
        #expect(try await overtaken.value == "old", "who asked before may get the old value")
        #expect(try await other.value(for: "k", load: new.load) == "new", "it was not stored for others")
        clock.advance(by: .seconds(3))
        #expect(try await cache.value(for: "k", load: new.load) == "new")
    }

    @Test func aLoadThatIsOvertakenIsNotRememberedHereEither() async throws {
        let cache = tier()
        let (old, new) = (Source("old", isHeld: true), Source("new"))
        let overtaken = Task { try await cache.value(for: "k", load: old.load) }
        await old.started.wait()
        cache.drop(["k"])
        #expect(try await cache.value(for: "k", load: new.load) == "new", "a load of its own")
        old.mayAnswer.fire()
        _ = try await overtaken.value
        #expect(cache.remembered("k") == "new")
    }

    @Test func whileSomebodyElseLoadsItLoadsWithoutStoring() async throws {
        let (cache, other) = (tier(), tier())
        let (held, source) = (Source("a", isHeld: true), Source("b"))
        let first = Task { try await cache.value(for: "k", load: held.load) }
        await held.started.wait()
        #expect(try await other.value(for: "k", load: source.load) == "b")
        held.mayAnswer.fire()
        #expect(try await first.value == "a")
    }

    @Test func withoutTheSharedCacheTheSourceAnswers() async throws {
        let (cache, source) = (tier(), Source("a"))
        shared.isAway = true
        #expect(try await cache.value(for: "k", load: source.load) == "a")
        shared.isAway = false
        clock.advance(by: .seconds(3))
        #expect(try await cache.value(for: "k", load: source.load) == "a")
        #expect(source.loads == 2)
    }

    @Test func anOldValueStandsInForASourceThatIsAwayUntilItsTimeIsUp() async throws {
        let (cache, source) = (tier(), Source("a"))
        _ = try await cache.value(for: "k", load: source.load)
        source.value = nil
        clock.advance(by: .seconds(500))
        #expect(try await cache.value(for: "k", load: source.load) == "a")
        await #expect(throws: Source.Away.self) { try await cache.value(for: "other", load: source.load) }
        clock.advance(by: .seconds(500))
        await #expect(throws: Source.Away.self) { try await cache.value(for: "k", load: source.load) }
    }

    @Test func aSourceThatFailedIsLeftAloneForAMoment() async throws {
        let (cache, source) = (tier(), Source(nil))
        for number in 0..<50 {
            await #expect(throws: Source.Away.self) {
                try await cache.value(for: "\(number)", load: source.load)
            }
        }
        #expect(source.loads == 1)
        source.value = "a"
        clock.advance(by: .seconds(1))
        #expect(try await cache.value(for: "k", load: source.load) == "a")
        #expect(try await cache.value(for: "l", load: source.load) == "a")
    }

    @Test func aDropThatTheSharedCacheMissedIsMadeUpFor() async throws {
        let (cache, other, source) = (tier(), tier(), Source("old"))
        _ = try await cache.value(for: "k", load: source.load)
        source.value = "new"
        shared.isAway = true
        await cache.invalidate("k")
        shared.isAway = false
        #expect(
            try await cache.value(for: "k", load: source.load) == "new",
            "it does not believe the shared cache")
        #expect(try await other.value(for: "k", load: source.load) == "old", "others still do")
        let flushing = Task { await cache.keepFlushing() }
        while try await shared.cache.get("k") != nil { await Task.yield() }
        clock.advance(by: .seconds(3))
        #expect(try await other.value(for: "k", load: source.load) == "new")
        flushing.cancel()
        await flushing.value
    }

    @Test func tooManyMissedDropsMakeItBelieveNothing() async throws {
        var options = TwoTierCache<String>.Options()
        options.maximumDrops = 3
        let cache = TwoTierCache<String>(options, shared: shared, clock: clock)
        let source = Source("old")
        _ = try await cache.value(for: "k", load: source.load)
        source.value = "new"
        shared.isAway = true
        await cache.invalidate("k")
        for number in 0..<5 { await cache.invalidate("\(number)") }
        shared.isAway = false
        #expect(try await cache.value(for: "k", load: source.load) == "new")
    }

    @Test func prefixesAreDropped() async throws {
        let (cache, source) = (tier(), Source("a"))
        for key in ["u1:a", "u1:b", "u2:a"] { _ = try await cache.value(for: key, load: source.load) }
        cache.drop(prefix: "u1:")
        #expect(cache.remembered("u1:a") == nil && cache.remembered("u1:b") == nil)
        #expect(cache.remembered("u2:a") == "a")
        #expect(await cache.flush())
        #expect(try await shared.get("u1:a") == nil)
    }
}
