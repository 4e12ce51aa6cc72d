import Foundation
import SoukEnv
import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct PolicyFileErrorTests {
    private func problems(_ text: String) throws -> [String] {
        do {
            let defaults = try PolicyDefaults(
                environment: Environment(values: [:]), services: RoutedService.examples(), sharesLimits: true)
            _ = try PolicyFile.parse(text, file: "f", defaults: defaults)
            return []
        } catch let error as PolicyFileError {
            return error.problems
        }
    }

    /// Each: lines below `defaults:`, and what is said of them.
    @Test(arguments: [
        ("timeouts: {connect: 0ms}", "3:23: defaults.timeouts.connect must be 1ms to 1m"),
        ("timeouts: {connect: 99999999999999999999d}", "3:23: defaults.timeouts.connect must be a duration"),
        ("timeouts: {connect: 9223372036854775807d}", "3:23: defaults.timeouts.connect must be a duration"),
        ("timeouts: {connect: -1s}", "3:23: defaults.timeouts.connect must be a duration"),
        ("timeouts: {connect: \"1s\"}", "3:23: defaults.timeouts.connect must be a duration"),
        ("timeouts: {connect: off}", "3:23: defaults.timeouts.connect must be a duration"),
        ("timeouts: {total: 25h}", "3:21: defaults.timeouts.total must be 1ms to 1d"),
        ("timeouts: off", "3:13: defaults.timeouts must be a mapping"),
        ("timeouts:", "3:12: defaults.timeouts must be a mapping"),
        ("retries: {attempts: 0x1}", "3:23: defaults.retries.attempts must be 0 to 10"),
        ("retries: {attempts: 1_0}", "3:23: defaults.retries.attempts must be 0 to 10"),
        ("retries: {attempts: '1'}", "3:23: defaults.retries.attempts must be 0 to 10"),
        ("retries: {attempts: [1]}", "3:23: defaults.retries.attempts must be 0 to 10"),
        (
            "retries: {budget_percent: 0, budget_floor: 0}",
            "3:12: defaults.retries has 'attempts', but a budget of nothing"
        ),
        ("breaker: {failures: 0}", "3:23: defaults.breaker.failures must be 1 to 10000"),
        ("breaker: no", "3:12: defaults.breaker must be a mapping"),
        ("max_body: 1MB", "3:13: defaults.max_body must be a size such as 512B, 64KiB or 1MiB"),
        ("max_body: 1024", "3:13: defaults.max_body must be a size"),
        ("max_body: 17GiB", "3:13: defaults.max_body must be 0B to 16GiB"),
        ("body_rate: {min: 0B}", "3:20: defaults.body_rate.min must be 1B to 1GiB"),
        ("body_rate: {grace: 11m}", "3:22: defaults.body_rate.grace must be 100ms to 10m"),
        ("concurrency: {read_ahead: 2MiB}", "3:29: defaults.concurrency.read_ahead must be 0B to 1MiB"),
        ("token: verify", "3:10: defaults.token must be one of ignored, verified, required"),
        ("cors: {origins: ['https://a.test/']}", "3:20: defaults.cors.origins[0] must be an origin"),
        ("cors: {origins: ['https://A.test']}", "3:20: defaults.cors.origins[0] must be an origin"),
        ("cors: {origins: ['https://a.test:x']}", "3:20: defaults.cors.origins[0] must be an origin"),
        ("cors: {origins: [a.test]}", "3:20: defaults.cors.origins[0] must be an origin"),
        (
            "cors: {origins: ['*', 'https://a.test']}",
            "3:19: defaults.cors.origins has '*', which is all, beside others"
        ),
        ("cors: {}", "3:9: defaults.cors must have 'origins'"),
        ("compression: {level: 10}", "3:24: defaults.compression.level must be 1 to 9"),
        ("compression: {types: [text]}", "3:25: defaults.compression.types[0] must be a media type"),
        ("rate_limits: {}", "3:16: defaults.rate_limits must be a list"),
        ("rate_limits: [{name: a}]", "3:17: defaults.rate_limits[0] must have 'quota'"),
        (
            "rate_limits: [{name: A, quota: 1, window: 1s}]",
            "3:24: defaults.rate_limits[0].name must be 1 to 32"
        ),
        (
            "rate_limits: [{name: a, quota: 0, window: 1s}]",
            "3:34: defaults.rate_limits[0].quota must be 1 to 10000000"
        ),
        (
            "rate_limits: [{name: a, quota: 1, window: 999ms}]",
            "3:45: defaults.rate_limits[0].window must be 1s to 1d"
        ),
        (
            "rate_limits: [{name: a, key: token, quota: 1, window: 1s}]",
            "3:3: defaults limits 'a' by token, but its 'token' is ignored"
        ),
        ("rate_limits: [a, b, c, d, e]", "3:16: defaults.rate_limits has more than 4 entries"),
        ("upstream: x", "3:3: defaults.upstream is unknown"),
    ])
    func defaultsAreChecked(line: String, expected: String) throws {
        let found = try problems("include: marketplace\ndefaults:\n  \(line)\n")
        #expect(found.contains { $0.hasPrefix("f:\(expected)") }, "\(found)")
    }

    /// Whole files, and what is said of them.
    @Test(arguments: [
        ("", "f: the file is empty"), ("# nothing\n", "f: the file is empty"),
        ("a", "f:1:1: the file must be a mapping"), ("[]", "f:1:1: the file must be a mapping"),
        ("{}", "f:1:1: the file has neither 'routes' nor 'include: marketplace', so it leads nowhere"),
        ("access_log: true", "f:1:1: the file has neither"),
        ("budgets: {share: 8}", "f:1:18: budgets.share must be 1/1 to 1/1000"),
        ("budgets: {share: 1/0}", "f:1:18: budgets.share must be 1/1 to 1/1000"),
        ("budgets: {share: 1/+8}", "f:1:18: budgets.share must be 1/1 to 1/1000"),
        ("budgets: {share: 2/8}", "f:1:18: budgets.share must be 1/1 to 1/1000"),
        ("budgets: {body_memory: 1KiB}", "f:1:24: budgets.body_memory must be 1MiB to 64GiB"),
        ("budgets: {http2_frames: 9}", "f:1:25: budgets.http2_frames must be 10 to 1000000"),
        (
            "include: marketplace\nbudgets: {share: 1/100, body_memory: 4MiB}",
            "f:2:10: budgets reads 64KiB of a body ahead, but one client has 41944B of budgets.body_memory"
        ),
        (
            "budgets: {body_memory: 1MiB}\nroutes: [{path: /a, upstream: order, concurrency: {read_ahead: 256KiB}}]",
            "f:2:10: routes[0] reads 256KiB of a body ahead, but one client has 128KiB of budgets.body_memory"
        ),
        (
            "budgets: {body_memory: 1MiB}\nroutes: [{path: /a, upstream: local, max_body: 129KiB}]",
            "f:2:48: routes[0].max_body is 129KiB, but one client has 128KiB of budgets.body_memory"
        ),
        ("budgets: off", "f:1:10: budgets must be a mapping"),
        ("include: all", "f:1:10: include must be marketplace"),
        ("include: [marketplace]", "f:1:10: include must be marketplace"),
        ("routes: []\nroutes: []\n", "f:1:1: 'routes' stands twice in one mapping"),
        ("routes: [\n", "f:2:1: is not YAML"),
        ("routes: []\n---\nroutes: []\n", "f:2:1: is not YAML: but found another document"),
        ("\troutes: []", "f:1:1: is not YAML"),
        ("routes: []\u{0}", "f: is not YAML"),
        ("? [a]\n: b\n", "f:1:3: the file has a key that is no text"),
        (
            "routes: [{path: /a, upstream: local}, {path: /a/, upstream: local}]",
            "f:1:46: routes[1].path stands for the same paths as routes[0]"
        ),
        (
            "routes: [{path: \"/a/{x}\", upstream: local}, {path: \"/a/{y}\", upstream: local}]",
            "f:1:52: routes[1].path stands for the same paths as routes[0]"
        ),
        ("routes: [{upstream: local}]", "f:1:10: routes[0] must have 'path'"),
        ("routes: [{path: /a}]", "f:1:10: routes[0] must have 'upstream'"),
        ("routes: [{path: a, upstream: local}]", "f:1:17: routes[0].path must begin with '/'"),
        (
            "routes: [{path: /a, upstream: ordr}]",
            "f:1:31: routes[0].upstream is unknown; did you mean 'order'?"
        ),
        (
            "routes: [{path: /a, upstream: local, breaker: {failures: 1}}]",
            "f:1:47: routes[0].breaker has no meaning for upstream 'local'"
        ),
        (
            "routes: [{path: /a, upstream: local, retries: {attempts: 1}}]",
            "f:1:47: routes[0].retries has no meaning for upstream 'local'"
        ),
        (
            "routes: [{path: /a, upstream: order, rate_limits: [{name: a, quota: 1, window: 1s}, {name: a, quota: 1, window: 1s}]}]",
            "f:1:92: routes[0].rate_limits[1].name 'a' stands twice"
        ),
        (
            "routes: [{path: /a, upstream: order, rate_limits: [{name: default, quota: 1, window: 1s}]}]",
            "f:1:52: routes[0].rate_limits[0] says something else of 'default' than SOUK_GATEWAY_RATE_LIMIT"
        ),
        (
            "routes: [{path: /a, upstream: order, rate_limits: [{name: v, key: vendor, quota: 1, window: 1s}]}]",
            "f:1:10: routes[0] limits 'v' by vendor, but its 'token' is ignored"
        ),
        (
            "include: marketplace\nupstreams: {local: {targets: [\"a:1\"]}}",
            "f:2:20: upstreams.local is the gateway's own"
        ),
        ("include: marketplace\nupstreams: {A: {targets: [\"a:1\"]}}", "f:2:13: upstreams.A is no name"),
        ("include: marketplace\nupstreams: {a: {}}", "f:2:16: upstreams.a must have 'targets'"),
        (
            "include: marketplace\nupstreams: {a: {targets: []}}",
            "f:2:26: upstreams.a.targets must not be empty"
        ),
        (
            "include: marketplace\nupstreams: {a: {targets: [\"a:1\", \"a:1\"]}}",
            "f:2:34: upstreams.a.targets[1] stands twice"
        ),
        (
            "include: marketplace\nupstreams: {order: {health_check: {interval: 1s, timeout: 2s}}}",
            "f:2:35: upstreams.order.health_check has a 'timeout' that is longer than its 'interval'"
        ),
        (
            "include: marketplace\nupstreams: {order: {health_check: {path: livez}}}",
            "f:2:42: upstreams.order.health_check.path must be a path"
        ),
        ("include: marketplace\ntrusted_proxies: 10.0.0.1", "f:2:18: trusted_proxies must be a list"),
        (
            "include: marketplace\ntrusted_proxies: [10.0.0.0/33]",
            "f:2:19: trusted_proxies[0] is no IP address"
        ),
        (
            "include: marketplace\nlistener: {tls: {key_file: k}}",
            "f:2:17: listener.tls must have 'certificate_file'"
        ),
        (
            "include: marketplace\nlistener: {drain_timeout: 11m}",
            "f:2:27: listener.drain_timeout must be 0ms to 10m"
        ),
    ])
    func filesAreChecked(text: String, expected: String) throws {
        let found = try problems(text)
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    /// What one client's part suffices for, or what no client needs all of.
    @Test(arguments: [
        "budgets: {body_memory: 1MiB}\nroutes: [{path: /a, upstream: local, max_body: 128KiB}]",
        "budgets: {body_memory: 1MiB}\nroutes: [{path: /a, upstream: order, max_body: 16GiB}]",
        "budgets: {body_memory: 1MiB, share: 1/1}\nroutes: [{path: /a, upstream: local, max_body: 1MiB}]",
        "budgets: {body_memory: 1MiB}\nroutes: [{path: /a, upstream: order, max_body: 1KiB, concurrency: {read_ahead: 1MiB}}]",
    ])
    func bodiesThatFitAreNoProblem(text: String) throws {
        #expect(try problems(text) == [])
    }

    // MARK: - Bounds

    @Test(arguments: [
        "a: &x 1", "- &x", "a: *x", "*x : 1", "[&x a]", "{a: 1,&x b: 2}", "a: \"q\" # c\nb: &x [1]", "? &x a",
        "# fine &x\r- &y 1", "\"a\":&x 1", "'it''s': &x 1", "a: 'b\n  &x c'",
    ])
    func anchorsAreRefused(text: String) {
        #expect(PolicyText.refused(text)?.what.hasPrefix("anchors") == true)
    }

    @Test(arguments: [
        "# see *this* & that", "a: /b/** # for *all*", "a: \"*\"", "path: /api/v1/**", "a: b&c", "a: b & c",
        "a: '**'", "# &x\n# *y\n",
    ])
    func otherTextIsNot(text: String) {
        #expect(PolicyText.refused(text) == nil)
    }

    @Test(arguments: ["# a\u{85}b: &x 1", "# a\u{2028}b: &x 1", "a: \"\u{2029}\""])
    func hiddenLinesAreRefused(text: String) {
        #expect(PolicyText.refused(text)?.what.hasPrefix("U+0085") == true)
    }

    @Test func aBillionLaughsAreNot() throws {
        var text = "a0: &a0 [lol]\n"
        for level in 1..<30 {
            text +=
                "a\(level): &a\(level) [" + (0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", ")
                + "]\n"
        }
        #expect(try problems(text) == ["f:1:5: anchors ('&name') and aliases ('*name') are not taken"])
    }

    @Test func nestingIsBounded() throws {
        let found = try problems("routes: " + String(repeating: "[", count: 100_000))
        #expect(found.count == 1 && found[0].contains("is not YAML"), "\(found.first?.prefix(200) ?? "")")
        let deep = try problems(
            "routes: " + String(repeating: "[", count: 900) + String(repeating: "]", count: 900))
        #expect(deep == ["f:1:10: routes[0] must be a mapping of keys and values"])
    }

    @Test func sizeIsBounded() throws {
        let long = "include: marketplace\n" + String(repeating: "#", count: 1 << 20)
        #expect(try problems(long) == ["f: the file has more than 1048576 bytes"])
        let many = "routes:\n" + String(repeating: "- {}\n", count: 1_001)
        #expect(try problems(many) == ["f:2:1: routes has more than 1000 entries"])
        let bad = try problems("routes:\n" + String(repeating: "- {}\n", count: 1_000))
        #expect(bad.count == 101 && bad.last == "f: and 1900 more")
    }

    // MARK: - Where it comes from

    @Test func theVariableNamesTheFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        func load() throws -> GatewayPolicy {
            try GatewayPolicy.load(
                environment: Environment(values: ["SOUK_GATEWAY_POLICY_FILE": path]),
                services: RoutedService.examples(), sharesLimits: true)
        }
        #expect { _ = try load() } throws: { "\($0)" == "SOUK_GATEWAY_POLICY_FILE: \(path): can't be opened" }
        try Data("include: marketplace\naccess_log: false\n".utf8).write(to: URL(filePath: path))
        #expect(try !load().accessLog)
        try Data("routes: 1\naccess_log: 2\n".utf8).write(to: URL(filePath: path))
        #expect { _ = try load() } throws: {
            "\($0)" == """
                SOUK_GATEWAY_POLICY_FILE: 2 errors
                \(path):1:9: routes must be a list
                \(path):2:13: access_log must be true or false
                """
        }
        try Data([0x61, 0xFF]).write(to: URL(filePath: path))
        #expect(throws: ConfigurationError.self) { try load() }
        let built = try GatewayPolicy.load(
            environment: Environment(values: [:]), services: RoutedService.examples(), sharesLimits: true)
        #expect(built.accessLog)
    }
}
