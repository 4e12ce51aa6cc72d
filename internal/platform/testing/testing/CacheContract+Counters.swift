import SoukCache

extension CacheContract {
    static var counterCases: [Case] {
        [
            Case("counts every addition of many tasks once") { cache, _ in
                let key = unique("count")
                let sums = try await together(100) { _ in
                    try await cache.increment(key, by: 1, timeToLive: .seconds(60))
                }
                try expectEqual(sums.sorted(), Array(1...100), "the sums")
                try expectEqual(
                    try await cache.increment(key, by: -30, timeToLive: .seconds(60)), 70, "the sum")
            },
            Case("a counter lives from its first addition on") { cache, fixture in
                let key = unique("window")
                // At once: whoever is slow between the two has all of the first one's time for it.
                _ = try await cache.increment(key, by: 1, timeToLive: .milliseconds(400) * fixture.pace)
                try expectEqual(
                    try await cache.increment(key, by: 1, timeToLive: .seconds(60)), 2, "the same window")
                try await fixture.elapse(.milliseconds(450) * fixture.pace)
                try expectEqual(
                    try await cache.increment(key, by: 1, timeToLive: .seconds(60)), 1, "a new window")
            },
            Case("refuses to count on what is no counter") { cache, _ in
                let key = unique("text")
                try await cache.set(key, bytes("text"), timeToLive: .seconds(60), condition: .always)
                try await expectInvalid("a text") { () throws(CacheError) in
                    _ = try await cache.increment(key, by: 1, timeToLive: .seconds(60))
                }
                let full = unique("full")
                _ = try await cache.increment(full, by: .max, timeToLive: .seconds(60))
                try await expectInvalid("an overflow") { () throws(CacheError) in
                    _ = try await cache.increment(full, by: 1, timeToLive: .seconds(60))
                }
            },
        ]
    }

    static var limitCases: [Case] {
        [
            Case("lets a full quota through at once, and never more, however many ask") { cache, _ in
                let key = unique("race")
                let limit = RateLimit(quota: 40, window: .seconds(600))
                let decisions = try await together(200) { _ in try await cache.admit(key, limit) }
                try expectEqual(decisions.filter(\.isAllowed).count, 40, "let through")
                try expectEqual(
                    decisions.filter(\.isAllowed).map(\.remaining).sorted(), Array(0..<40), "what was left")
                for refused in decisions where !refused.isAllowed {
                    try expect(
                        refused.retryAfter > .zero && refused.retryAfter <= .seconds(15)
                            && refused.reset > .seconds(590) && refused.remaining == 0,
                        "a refusal says \(refused)")
                }
                try expect(try await cache.admit(unique("other"), limit).isAllowed, "another key is refused")
            },
            Case("a quota fills up again, call by call") { cache, fixture in
                let key = unique("refill")
                let limit = RateLimit(quota: 3, window: .milliseconds(900) * fixture.pace)
                for left in [2, 1, 0] {
                    try expectEqual(try await cache.admit(key, limit).remaining, left, "left")
                }
                try expect(try await !cache.admit(key, limit).isAllowed, "more than the quota")
                try await fixture.elapse(.milliseconds(310) * fixture.pace)
                try expect(try await cache.admit(key, limit).isAllowed, "not one after a third of the window")
                try await fixture.elapse(.milliseconds(1_000) * fixture.pace)
                try expectEqual(try await cache.admit(key, limit).remaining, 2, "left after the window")
            },
            Case("a quota of thirds and one of more than time has instants are kept to") { cache, _ in
                let thirds = unique("thirds")
                let limit = RateLimit(quota: 7, window: .seconds(100))
                let through = try await together(20) { _ in try await cache.admit(thirds, limit).isAllowed }
                try expectEqual(through.filter { $0 }.count, 7, "of thirds")
                let fine = RateLimit(quota: 10_000_000, window: .seconds(1))
                let decision = try await cache.admit(unique("fine"), fine)
                try expect(
                    decision.isAllowed && decision.remaining < 10_000_000, "a fine one says \(decision)")
            },
        ]
    }

    static var lifecycleCases: [Case] {
        [
            Case("answers many tasks with their own values") { cache, _ in
                let prefix = unique("many")
                let wrong = try await together(200) { number in
                    let key = "\(prefix):\(number % 50)"
                    let value = bytes("value of \(number % 50)")
                    try await cache.set(key, value, timeToLive: .seconds(60), condition: .always)
                    return try await cache.get(key) == value ? 0 : 1
                }
                try expectEqual(wrong.reduce(0, +), 0, "answers of others")
            },
            Case("answers a ping, and nothing once it is closed") { cache, fixture in
                try await cache.ping()
                let other = try await fixture.open()
                await other.close()
                await other.close()
                do throws(CacheError) {
                    _ = try await other.get(unique("closed"))
                    throw CacheError.invalidArgument("a closed cache answered")
                } catch {
                    try expectEqual(error, .closed, "the error")
                }
                try await cache.ping()
            },
            Case("closing ends what is under way") { _, fixture in
                let cache = try await fixture.open()
                let key = unique("closing")
                let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            do throws(CacheError) {
                                _ = try await cache.increment(key, by: 1, timeToLive: .seconds(60))
                                return true
                            } catch {
                                if error == .closed { return false }
                                throw error
                            }
                        }
                    }
                    group.addTask {
                        await cache.close()
                        return true
                    }
                    return try await group.reduce(into: 0) { count, _ in count += 1 }
                }
                try expectEqual(outcomes, 51, "tasks that ended")
            },
        ]
    }
}
