import SoukCache

extension CacheContract {
    static var valueCases: [Case] {
        [
            Case("keeps any bytes and forgets what is deleted") { cache, _ in
                let key = unique("bytes"), other = unique("empty")
                try expectEqual(try await cache.get(key), nil, "before")
                let all = (0...255).map { UInt8($0) } + bytes("\r\n$3\r\n*1")
                try expect(
                    try await cache.set(key, all, timeToLive: .seconds(60), condition: .always), "not stored")
                try await cache.set(other, [], timeToLive: .seconds(60), condition: .always)
                try expectEqual(try await cache.get(key), all, "the value")
                try expectEqual(try await cache.get(other), [], "no bytes")
                try await cache.set(key, bytes("new"), timeToLive: .seconds(60), condition: .always)
                try expectEqual(try await cache.get(key), bytes("new"), "replaced")
                try expectEqual(try await cache.delete([key, other, unique("none")]), 2, "deleted")
                try expectEqual(try await cache.get(key), nil, "after")
                try expectEqual(try await cache.delete([]), 0, "nothing deleted")
            },
            Case("forgets when the time is up") { cache, fixture in
                let short = unique("short"), long = unique("long")
                try await cache.set(
                    short, bytes("a"), timeToLive: .milliseconds(400) * fixture.pace, condition: .always)
                try await cache.set(long, bytes("b"), timeToLive: .seconds(60), condition: .always)
                try expectEqual(try await cache.get(short), bytes("a"), "in time")
                try await fixture.elapse(.milliseconds(450) * fixture.pace)
                try expectEqual(try await cache.get(short), nil, "out of time")
                try expectEqual(try await cache.get(long), bytes("b"), "another")
                try expect(
                    try await cache.set(short, bytes("c"), timeToLive: .seconds(60), condition: .ifAbsent),
                    "an expired value is in the way")
            },
            Case("of many that store where nothing is, one does") { cache, _ in
                let key = unique("absent")
                let stored = try await together(50) { number in
                    try await cache.set(
                        key, bytes("\(number)"), timeToLive: .seconds(60), condition: .ifAbsent)
                }
                try expectEqual(stored.filter { $0 }.count, 1, "who stored")
            },
            Case("replaces only what is as expected") { cache, _ in
                let key = unique("equal")
                try expect(
                    try await !cache.set(
                        key, bytes("b"), timeToLive: .seconds(60), condition: .ifEqual(bytes("a"))),
                    "replaced what isn't there")
                try await cache.set(key, bytes("a"), timeToLive: .seconds(60), condition: .always)
                try expect(
                    try await !cache.set(
                        key, bytes("b"), timeToLive: .seconds(60), condition: .ifEqual(bytes("x"))),
                    "replaced another")
                let replaced = try await together(20) { number in
                    try await cache.set(
                        key, bytes("n\(number)"), timeToLive: .seconds(60), condition: .ifEqual(bytes("a")))
                }
                try expectEqual(replaced.filter { $0 }.count, 1, "who replaced")
            },
            Case("refuses keys, values and times that no cache takes") { cache, _ in
                for key in ["", "with space", "ümlaut", "line\n", String(repeating: "k", count: 251)] {
                    try await expectInvalid("a key") { () throws(CacheError) in _ = try await cache.get(key) }
                }
                let longest = unique("long") + String(repeating: "k", count: 150)
                try expectEqual(try await cache.get(longest), nil, "a long key")
                let key = unique("limits")
                try await expectInvalid("a value of more than a mebibyte") { () throws(CacheError) in
                    try await cache.set(
                        key, [UInt8](repeating: 0, count: (1 << 20) + 1), timeToLive: .seconds(1),
                        condition: .always)
                }
                for time in [Duration.zero, .seconds(-1), .seconds(1_000_000_000)] {
                    try await expectInvalid("a time to live") { () throws(CacheError) in
                        try await cache.set(key, [], timeToLive: time, condition: .always)
                    }
                }
                let large = [UInt8](repeating: 7, count: 1 << 20)
                try await cache.set(key, large, timeToLive: .seconds(60), condition: .always)
                try expectEqual(try await cache.get(key)?.count, large.count, "a mebibyte")
            },
        ]
    }

    /// What so many tasks return that run the body at once.
    static func together<T: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) async throws -> T
    ) async throws -> [T] {
        try await withThrowingTaskGroup(of: T.self) { group in
            for number in 0..<count { group.addTask { try await body(number) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
