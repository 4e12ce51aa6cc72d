import Foundation
import SoukEnv
import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct PolicyFileTests {
    private func defaults(_ values: [String: String] = [:], isSingleProcess: Bool = false) throws
        -> PolicyDefaults
    {
        try PolicyDefaults(
            environment: Environment(values: values),
            services: RoutedService.examples(isLocal: isSingleProcess),
            sharesLimits: !isSingleProcess)
    }

    private func parse(
        _ text: String, _ values: [String: String] = [:], isSingleProcess: Bool = false
    ) throws -> GatewayPolicy {
        try PolicyFile.parse(
            text, file: "gateway.yaml", defaults: defaults(values, isSingleProcess: isSingleProcess))
    }

    private func problems(_ text: String) throws -> [String] {
        do {
            _ = try parse(text)
            return []
        } catch let error as PolicyFileError {
            return error.problems
        }
    }

    private func route(_ policy: GatewayPolicy, _ path: String) throws -> RoutePolicy {
        let matcher = try RouteMatcher(policy.routes)
        var path = path
        let index = path.withUTF8 { matcher.route(UnsafeRawBufferPointer($0)) }
        return policy.routes[try #require(index)]
    }

    // MARK: - What is said

    @Test func includingAloneIsTheBuiltInPolicy() throws {
        let values = ["SOUK_GATEWAY_RATE_LIMIT": "9", "SOUK_TRUSTED_PROXIES": "10.0.0.1"]
        let environment = Environment(values: values)
        for isSingleProcess in [false, true] {
            let file = try parse("include: marketplace\n", values, isSingleProcess: isSingleProcess)
            let built = try GatewayPolicy.marketplace(
                environment: environment, services: RoutedService.examples(isLocal: isSingleProcess),
                sharesLimits: !isSingleProcess)
            #expect(String(describing: file.routes) == String(describing: built.routes))
            #expect(file.upstreams == built.upstreams)
            #expect(file.listener == built.listener)
            #expect(file.trustedProxies == built.trustedProxies)
        }
    }

    @Test func everythingCanBeSaid() throws {
        let policy = try parse(
            """
            listener:
              tls: {certificate_file: /c.pem, key_file: /k.pem}
              http2: false
              max_connections: 7
              header_timeout: 1s
              idle_timeout: 2m
              body_timeout: 3s
              drain_timeout: 0s
              max_target: 1KiB
              max_headers: 2KiB
              max_header_fields: 20
              max_concurrent_streams: 5
            budgets: {share: 1/20, body_memory: 1GiB, http2_frames: 50}
            trusted_proxies: [10.0.0.0/8, "::1"]
            rate_limit_exempt: [192.0.2.1]
            access_log: false
            upstreams:
              shop:
                targets: [a.test:80, "[::1]:81"]
                health_check: {path: /up, interval: 9s, timeout: 2s, unhealthy_after: 3, healthy_after: 4}
                idle_connections: 0
                idle_timeout: 1h
            defaults:
              timeouts: {connect: 250ms, first_byte: 2s, total: 3s}
              retries: {attempts: 2, budget_percent: 30, budget_floor: 4}
              breaker: {failures: 3, open_for: 5s}
              concurrency: {limit: 4, queue: 5, queue_timeout: 6ms, read_ahead: 1KiB}
              max_body: 64KiB
              body_rate: {min: 2KiB, grace: 9s}
              token: required
              rate_limits:
                - {name: a, key: vendor, quota: 5, window: 1h, shared: false}
              cors: {origins: ["https://a.test"]}
              compression: {min_size: 2KiB, level: 9, types: [Text/HTML]}
            routes:
              - path: /shop/**
                upstream: shop
              - path: /shop/free
                upstream: shop
                timeouts: {total: off}
                retries: {attempts: 0}
                breaker: off
                concurrency: off
                rate_limits: []
                token: ignored
                cors: {origins: []}
                compression: off
                max_body: 0B
                body_rate: off
            """)
        var listener = ListenerPolicy()
        listener.tls = TLSPolicy(certificateFile: "/c.pem", keyFile: "/k.pem")
        listener.http2 = false
        listener.maxConnections = 7
        listener.headerTimeout = .seconds(1)
        listener.idleTimeout = .seconds(120)
        listener.bodyTimeout = .seconds(3)
        listener.drainTimeout = .zero
        listener.maxTargetBytes = 1_024
        listener.maxHeaderBytes = 2_048
        listener.maxHeaderFields = 20
        listener.maxConcurrentStreams = 5
        #expect(policy.listener == listener)
        var budgets = BudgetPolicy()
        budgets.share = 20
        budgets.bodyMemory = 1 << 30
        budgets.frameRate = 50
        #expect(policy.budgets == budgets)
        #expect(policy.trustedProxies.count == 2 && policy.rateLimitExempt.count == 1 && !policy.accessLog)
        var shop = UpstreamPolicy(
            name: "shop", targets: [HostPort(host: "a.test", port: 80), HostPort(host: "::1", port: 81)])
        var check = HealthCheckPolicy()
        check.path = "/up"
        check.interval = .seconds(9)
        check.timeout = .seconds(2)
        check.unhealthyAfter = 3
        check.healthyAfter = 4
        shop.healthCheck = check
        shop.idleConnections = 0
        shop.idleTimeout = .seconds(3_600)
        #expect(policy.upstreams == ["shop": shop])
        let all = try route(policy, "/shop/x")
        let free = try route(policy, "/shop/free")
        #expect(all.timeouts.connect == .milliseconds(250) && all.timeouts.total == .seconds(3))
        #expect(all.retries.attempts == 2 && all.retries.budgetPercent == 30 && all.retries.budgetFloor == 4)
        #expect(all.breaker?.failures == 3 && all.breaker?.openFor == .seconds(5))
        #expect(all.concurrency?.limit == 4 && all.concurrency?.queueTimeout == .milliseconds(6))
        #expect(all.concurrency?.readAhead == 1_024)
        #expect(all.bodyRate?.minimum == 2_048 && all.bodyRate?.grace == .seconds(9) && free.bodyRate == nil)
        #expect(all.maxBodyBytes == 65_536 && all.token == .required)
        #expect(
            all.rateLimits == [
                RateLimitPolicy(name: "a", key: .vendor, quota: 5, window: .seconds(3_600), isShared: false)
            ])
        #expect(all.cors.allowedOrigin(for: "https://a.test") != nil)
        #expect(all.compression?.types == ["text/html"] && all.compression?.minBytes == 2_048)
        #expect(free.timeouts.total == nil && free.timeouts.firstByte == .seconds(2))
        #expect(free.retries.attempts == 0 && free.retries.budgetPercent == 30)
        #expect(free.breaker == nil && free.concurrency == nil && free.compression == nil)
        #expect(free.rateLimits.isEmpty && free.token == .ignored && free.maxBodyBytes == 0)
        #expect(free.cors.allowedOrigin(for: "https://a.test") == nil)
        // What the gateway answers itself is there, and nothing else.
        #expect(try route(policy, "/openapi.json").upstream == "local")
        #expect(try route(policy, "/api/v1/cart").upstream == "local")
        #expect(try route(policy, "/api/v1/cart").token == .required)
    }

    @Test func ownRoutesGoBeforeTheMarketplaces() throws {
        let text = """
            include: marketplace
            upstreams:
              order: {idle_connections: 3}
              shelf: {targets: ["s:1"]}
            routes:
              - {path: "/api/v1/products/**", upstream: shelf}
              - {path: /api/v1/checkout, upstream: order, token: required}
            """
        let policy = try parse(text, ["SOUK_ORDER_HTTP_ADDRESS": "o:1"])
        #expect(try route(policy, "/api/v1/products/1").upstream == "shelf")
        #expect(try route(policy, "/api/v1/checkout").token == .required)
        #expect(try route(policy, "/api/v1/checkout/1").token == .ignored)
        #expect(policy.upstreams["order"]?.idleConnections == 3)
        #expect(policy.upstreams["order"]?.targets == [HostPort(host: "o", port: 1)])
        #expect(policy.upstreams["payment"]?.targets == [HostPort(host: "127.0.0.1", port: 8105)])
        let alone = try parse(text, isSingleProcess: true)
        #expect(try route(alone, "/api/v1/checkout").upstream == "local")
        #expect(try route(alone, "/api/v1/checkout").breaker == nil)
        #expect(Set(alone.upstreams.keys) == ["shelf"])
    }

    @Test func theExampleHolds() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let path = root.appending(path: "deploy/gateway/gateway.yaml").path
        for isSingleProcess in [false, true] {
            let policy = try PolicyFile.read(path, defaults: defaults(isSingleProcess: isSingleProcess))
            #expect(try route(policy, "/api/v1/reviews/live").timeouts.total == nil)
            #expect(try route(policy, "/api/v1/reviews/7").concurrency?.limit == 64)
            #expect(try route(policy, "/api/v1/vendor/products").rateLimits.map(\.key) == [.vendor])
            #expect(try route(policy, "/openapi.json").token == .required)
            #expect(try route(policy, "/api/v1/ping").token == .verified)
        }
        // It says of defaults what they are, where its comments don't say otherwise.
        let policy = try PolicyFile.read(path, defaults: defaults())
        #expect(policy.listener == ListenerPolicy() && policy.budgets == BudgetPolicy())
        let cart = try route(policy, "/api/v1/cart")
        let built = try defaults().route
        #expect(cart.timeouts == built.timeouts && cart.retries == built.retries)
        #expect(cart.breaker == built.breaker && cart.concurrency == built.concurrency)
        #expect(cart.maxBodyBytes == built.maxBodyBytes && cart.rateLimits.first == built.rateLimits.first)
        #expect(cart.compression == CompressionPolicy())
        #expect(policy.upstreams["order"] == (try defaults().services["order"]))
    }

    // MARK: - What is wrong

    @Test func allThatIsWrongIsSaidWithItsPlace() throws {
        let found = try problems(
            """
            listener:
              http2: 1
              max_conections: 5
              header_timeout: 10
            upstreams:
              shop: {targets: ["shop"]}
            routes:
              - path: /a/**/b
                upstream: shoop
                retries:
                  attempts: 11
              - path: /x
                upstream: shop
                timeouts: {total: 1s, first_byte: 2s}
            colour: red
            """)
        #expect(
            found == [
                "gateway.yaml:2:10: listener.http2 must be true or false",
                "gateway.yaml:3:3: listener.max_conections is unknown; did you mean 'max_connections'?",
                "gateway.yaml:4:19: listener.header_timeout must be a duration such as 250ms, 30s, 15m, 24h or 7d",
                "gateway.yaml:6:20: upstreams.shop.targets[0] is not of the form host:port",
                "gateway.yaml:8:11: routes[0].path has a '*' elsewhere than in '/**' at its end",
                "gateway.yaml:9:15: routes[0].upstream is unknown; did you mean 'shop'?",
                "gateway.yaml:11:17: routes[0].retries.attempts must be 0 to 10",
                "gateway.yaml:14:23: routes[1].timeouts.total is shorter than 'first_byte'",
                "gateway.yaml:15:1: colour is unknown; known are access_log, budgets, defaults, include, listener, "
                    + "rate_limit_exempt, routes, trusted_proxies, upstreams",
            ])
    }
}
