import SoukEnv
import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct RouteMatcherTests {
    private func route(_ matcher: RouteMatcher, _ path: String) -> Int? {
        var path = path
        return path.withUTF8 { matcher.route(UnsafeRawBufferPointer($0)) }
    }

    @Test func theMostSegmentsWin() throws {
        let matcher = try RouteMatcher(patterns: [
            "/**", "/api/**", "/api/v1/orders/**", "/api/v1/orders/{id}", "/api/v1/{thing}/export",
            "/api/v1/orders", "/livez",
        ])
        #expect(route(matcher, "/") == 0)
        #expect(route(matcher, "") == 0)
        #expect(route(matcher, "/elsewhere") == 0)
        #expect(route(matcher, "/api") == 1)
        #expect(route(matcher, "/api/v1") == 1)
        #expect(route(matcher, "/api/v1/orders") == 5)
        #expect(route(matcher, "//api/v1//orders/") == 5)
        #expect(route(matcher, "/api/v1/orders/7") == 3)
        #expect(route(matcher, "/api/v1/orders/7/lines") == 2)
        // As many segments, but literal further left.
        #expect(route(matcher, "/api/v1/orders/export") == 3)
        #expect(route(matcher, "/api/v1/products/export") == 4)
        #expect(route(matcher, "/livez") == 6)
        #expect(route(matcher, "/livez/") == 6)
        #expect(route(matcher, "/livezz") == 0)
        #expect(route(matcher, "/Livez") == 0)
    }

    @Test func nothingIsAnAnswer() throws {
        let matcher = try RouteMatcher(patterns: ["/a/{b}"])
        for path in ["/", "/a", "/a/", "/a//", "/a/b/c", "/b/a"] { #expect(route(matcher, path) == nil) }
        #expect(route(matcher, "/a/%2F") == 0)
        #expect(try route(RouteMatcher(patterns: []), "/a") == nil)
        #expect(try route(RouteMatcher(patterns: ["/"]), "/") == 0)
    }

    @Test(arguments: [
        "", "a", "a/b", "/*", "/a*", "/**/a", "/a/**/b", "/{", "/{}", "/{a}b", "/a{b}", "/{a{b}}", "/a?b",
        "/a#b",
        "/ä", "/a b", "/a\n", "/" + String(repeating: "a", count: 1_024), String(repeating: "/a", count: 65),
    ])
    func whatIsNoPatternIsRefused(text: String) {
        #expect(throws: RoutePatternError.self) { try RouteMatcher(patterns: [text]) }
    }

    @Test(arguments: [("/a", "/a/"), ("/{x}/b", "/{y}/b"), ("/a/**", "//a/**"), ("/**", "/**")])
    func twoForTheSamePathsAreRefused(one: String, other: String) {
        #expect(throws: RoutePatternError.self) { try RouteMatcher(patterns: [one, "/z", other]) }
    }

    /// The same as looking at every pattern.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func treeAndListAgree(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let words = ["a", "b", "ab", "abcdefgh", "abcdefgi", "abcdefghi", "abcdefghj", "~", "{x}", "{y}"]
        var patterns: [String] = []
        var seen: Set<RoutePattern> = []
        for _ in 0..<Int.random(in: 6...30, using: &random) {
            var text = ""
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                text += "/" + (words.randomElement(using: &random) ?? "a")
            }
            if Bool.random(using: &random) || text.isEmpty { text += "/**" }
            if seen.insert(try RoutePattern(text)).inserted { patterns.append(text) }
        }
        let matcher = try RouteMatcher(patterns: patterns)
        var hits = 0
        for _ in 0..<500 {
            var path = ""
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                path += Int.random(in: 0..<8, using: &random) == 0 ? "//" : "/"
                path += words.randomElement(using: &random) ?? "a"
            }
            if Int.random(in: 0..<4, using: &random) == 0 { path += "/" }
            let expected = Self.reference(patterns, path)
            #expect(route(matcher, path) == expected, "\(path) of \(patterns)")
            if expected != nil { hits += 1 }
        }
        #expect(hits > 0)
    }

    /// What ``RouteMatcher`` promises, without a thought for speed.
    private static func reference(_ patterns: [String], _ path: String) -> Int? {
        let path = path.split(separator: "/")
        var best: (index: Int, rank: [Int])?
        for (index, pattern) in patterns.enumerated() {
            var segments = pattern.split(separator: "/")
            let isOpen = segments.last == "**"
            if isOpen { segments.removeLast() }
            guard isOpen ? path.count >= segments.count : path.count == segments.count,
                zip(segments, path).allSatisfy({ $0 == $1 || $0.hasPrefix("{") })
            else { continue }
            let rank =
                [segments.count] + segments.map { $0.hasPrefix("{") ? 0 : 1 } + [isOpen ? 0 : 1]
            if best.map({ $0.rank.lexicographicallyPrecedes(rank) }) ?? true { best = (index, rank) }
        }
        return best?.index
    }
}
