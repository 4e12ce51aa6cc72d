import SoukEnv
import SoukHTTP
import Testing

@testable import SoukGateway

@Suite struct MarketplacePolicyTests {
    private func policy(_ values: [String: String] = [:], isSingleProcess: Bool = false) throws
        -> GatewayPolicy
    {
        try GatewayPolicy.marketplace(
            environment: Environment(values: values),
            services: RoutedService.examples(isLocal: isSingleProcess),
            sharesLimits: !isSingleProcess)
    }

    private func route(_ policy: GatewayPolicy, _ path: String) throws -> RoutePolicy {
        let matcher = try RouteMatcher(policy.routes)
        var path = path
        let index = path.withUTF8 { matcher.route(UnsafeRawBufferPointer($0)) }
        return policy.routes[try #require(index)]
    }

    @Test(arguments: [
        ("/api/v1/products", "product"), ("/api/v1/products/7/variants/8", "product"),
        ("/api/v1/vendor/products", "product"), ("/sandbox/pay/abc", "payment"),
        ("/", "local"), ("/api/v1", "local"), ("/api/v1/productsx", "local"), ("/api/v1/ping", "local"),
        ("/openapi.json", "local"), ("/sandbox/pay", "local"), ("/sandbox/pay/a/b", "local"),
        ("/api/v1/admin/events", "local"), ("/metrics", "local"), ("/readyz", "local"), ("/livez", "local"),
    ])
    func pathsLeadToTheirService(path: String, upstream: String) throws {
        #expect(try route(try policy(), path).upstream == upstream)
        #expect(try route(try policy(isSingleProcess: true), path).upstream == "local")
    }

    @Test func everyUpstreamIsKnown() throws {
        let policy = try policy()
        #expect(Set(policy.routes.map(\.upstream)) == Set(policy.upstreams.keys).union(["local"]))
        #expect(policy.upstreams["order"]?.targets == [HostPort(host: "127.0.0.1", port: 8104)])
        #expect(try self.policy(isSingleProcess: true).upstreams.isEmpty)
    }

    @Test func variablesAreHeard() throws {
        let policy = try policy([
            "SOUK_ORDER_HTTP_ADDRESS": "a:1,[::1]:2", "SOUK_TRUSTED_PROXIES": "10.0.0.0/8",
            "SOUK_RATE_LIMIT_EXEMPT": "127.0.0.1,::1", "SOUK_GATEWAY_RATE_LIMIT": "7",
            "SOUK_GATEWAY_RATE_WINDOW": "2m", "SOUK_GATEWAY_CORS_ORIGINS": "https://a.test",
            "SOUK_HTTP_REQUEST_TIMEOUT": "5s",
        ])
        #expect(
            policy.upstreams["order"]?.targets == [
                HostPort(host: "a", port: 1), HostPort(host: "::1", port: 2),
            ])
        #expect(policy.trustedProxies == [try #require(AddressRange("10.0.0.0/8"))])
        #expect(policy.rateLimitExempt.count == 2)
        let cart = try route(policy, "/api/v1/cart")
        #expect(
            cart.rateLimits == [
                RateLimitPolicy(
                    name: "default", key: .client, quota: 7, window: .seconds(120), isShared: true)
            ])
        #expect(cart.cors.allowedOrigin(for: "https://a.test") == "https://a.test")
        #expect(cart.timeouts.firstByte == .seconds(5))
        #expect(cart.timeouts.total == .seconds(35))
        #expect(cart.breaker != nil)
        #expect(cart.token == .ignored)
    }

    @Test func aProcessAloneCountsAlone() throws {
        let limits = try route(try policy(isSingleProcess: true), "/api/v1/ping").rateLimits
        #expect(limits.map(\.isShared) == [false])
        #expect(limits.map(\.quota) == [1_200])
    }

    @Test(arguments: ["/livez", "/readyz", "/metrics"], [true, false])
    func probesThatAreNotPublicAreLimitedAsAnyUnknownPath(path: String, isSingleProcess: Bool) throws {
        let route = try route(try policy(isSingleProcess: isSingleProcess), path)
        #expect(route.pattern == "/**" && !route.rateLimits.isEmpty)
    }

    @Test(arguments: ["/livez", "/readyz", "/metrics"], [true, false])
    func nobodyIsHeldOffFromPublicProbes(path: String, isSingleProcess: Bool) throws {
        let policy = try policy(["SOUK_OPS_PORT": "public"], isSingleProcess: isSingleProcess)
        let route = try route(policy, path)
        #expect(route.rateLimits.isEmpty)
        #expect(route.concurrency == nil)
        #expect(route.token == .ignored)
    }

    @Test func configuredRoutesComeBeside() throws {
        let values = [
            "SOUK_GATEWAY_ROUTES":
                "/api/v1/reviews/**=review-shelf, /api/v1/products/**=shelf,/sandbox/pay/{id}=shelf",
            "SOUK_REVIEW_SHELF_HTTP_ADDRESS": "r:1", "SOUK_SHELF_HTTP_ADDRESS": "s:1",
        ]
        let policy = try policy(values)
        #expect(try route(policy, "/api/v1/reviews/1").upstream == "review-shelf")
        #expect(try route(policy, "/api/v1/products/1").upstream == "shelf")
        #expect(try route(policy, "/sandbox/pay/1").upstream == "shelf")
        #expect(try route(policy, "/api/v1/cart").upstream == "order")
        #expect(policy.upstreams["shelf"]?.healthCheck == nil)
        let alone = try self.policy(values, isSingleProcess: true)
        #expect(try route(alone, "/api/v1/products/1").upstream == "shelf")
        #expect(Set(alone.upstreams.keys) == ["shelf", "review-shelf"])
    }

    @Test(arguments: [
        "nonsense", "/api=", "api/v1=x", "/**=x", "/=x", "/a/*/b=x", "/a=b=c", "/a/{=x", "/a=nowhere",
    ])
    func malformedRoutesAreRefused(text: String) {
        #expect(throws: ConfigurationError.self) { _ = try policy(["SOUK_GATEWAY_ROUTES": text]) }
    }

    @Test(arguments: [
        ("SOUK_GATEWAY_RATE_LIMIT", "0"), ("SOUK_GATEWAY_RATE_WINDOW", "999ms"),
        ("SOUK_GATEWAY_RATE_WINDOW", "25h"), ("SOUK_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("SOUK_RATE_LIMIT_EXEMPT", "x"), ("SOUK_HTTP_REQUEST_TIMEOUT", "0s"),
        ("SOUK_HTTP_REQUEST_TIMEOUT", "x"), ("SOUK_AUTH_HTTP_ADDRESS", "auth"),
    ])
    func malformedVariablesAreRefused(name: String, value: String) {
        #expect { _ = try policy([name: value]) } throws: { error in
            (error as? ConfigurationError)?.name == name
        }
    }
}
