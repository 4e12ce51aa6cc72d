package import SoukEnv
import SoukHTTP
import SoukService
import SoukText

extension GatewayPolicy {
    /// What holds where no file says anything else: the marketplace's routes with the limits of the environment.
    ///
    /// - Parameters:
    ///   - services: The services of the marketplace.
    ///   - sharesLimits: Whether other gateways count with this one.
    /// - Throws: `ConfigurationError` naming the variable.
    package static func marketplace(
        environment: Environment, services: [RoutedService], sharesLimits: Bool
    ) throws(ConfigurationError) -> GatewayPolicy {
        let defaults = try PolicyDefaults(
            environment: environment, services: services, sharesLimits: sharesLimits)
        var policy = defaults.policy
        defaults.includeMarketplace(in: &policy, template: defaults.route)
        defaults.includeOwnRoutes(in: &policy, template: defaults.route)
        return policy
    }
}

/// What the environment says, for the built-in policy and for whatever a policy file leaves out.
struct PolicyDefaults: Sendable {
    /// Without upstreams and routes.
    let policy: GatewayPolicy
    /// How every route is that nobody says anything else of; its pattern and upstream mean nothing.
    let route: RoutePolicy
    /// The services that have a name and an address without a file, by name; nil for those that are routes of this process.
    let services: [String: UpstreamPolicy?]
    let marketplace: MarketplaceRoutes
    /// Whether limits are counted for several gateways together unless somebody says otherwise.
    let limitsAreShared: Bool

    /// Where the gateway answers about itself, however busy it is; nothing where operations are not public.
    let probes: [String]

    /// - Throws: `ConfigurationError` naming the variable.
    init(
        environment: Environment, services routed: [RoutedService], sharesLimits: Bool
    ) throws(ConfigurationError) {
        var policy = GatewayPolicy()
        policy.trustedProxies = try environment.addressRanges("SOUK_TRUSTED_PROXIES")
        policy.rateLimitExempt = try environment.addressRanges("SOUK_RATE_LIMIT_EXEMPT")
        self.policy = policy
        let isPublic = try OperationsAddress(environment) == .serving
        probes = isPublic ? ["/livez", "/readyz", "/metrics"] : []
        limitsAreShared = sharesLimits
        route = try Self.route(environment, limitsAreShared: sharesLimits)
        marketplace = try MarketplaceRoutes(routed, environment)
        var services: [String: UpstreamPolicy?] = [:]
        for name in marketplace.services where name != GatewayPolicy.local {
            let known = routed.first { $0.name == name }
            if let known, known.isLocal {
                services[name] = .some(nil)
            } else {
                services[name] = try Self.upstream(name, environment, port: known?.port)
            }
        }
        self.services = services
    }

    private static func route(
        _ environment: Environment, limitsAreShared: Bool
    ) throws(ConfigurationError) -> RoutePolicy {
        var route = RoutePolicy(pattern: "/**", upstream: GatewayPolicy.local)
        let timeout = try environment.duration("SOUK_HTTP_REQUEST_TIMEOUT", default: .seconds(30))
        guard timeout > .zero else {
            throw ConfigurationError("SOUK_HTTP_REQUEST_TIMEOUT", "must be positive")
        }
        route.timeouts.firstByte = timeout
        // Time to send the request, and to take the answer.
        route.timeouts.total = timeout + .seconds(30)
        let quota = try environment.int("SOUK_GATEWAY_RATE_LIMIT", default: 1_200, in: 1...10_000_000)
        let window = try environment.duration("SOUK_GATEWAY_RATE_WINDOW", default: .seconds(60))
        guard (.seconds(1)...RateLimitPolicy.maxWindow).contains(window) else {
            throw ConfigurationError("SOUK_GATEWAY_RATE_WINDOW", "must be 1s to 24h")
        }
        route.rateLimits = [
            RateLimitPolicy(
                name: "default", key: .client, quota: quota, window: window, isShared: limitsAreShared)
        ]
        route.cors = CORSPolicy(origins: try environment.list("SOUK_GATEWAY_CORS_ORIGINS"))
        route.breaker = BreakerPolicy()
        route.concurrency = ConcurrencyPolicy()
        return route
    }

    private static func upstream(
        _ name: String, _ environment: Environment, port: Int?
    ) throws(ConfigurationError) -> UpstreamPolicy {
        let service = name.uppercasedASCII().replacing(bytes: "-", with: "_")
        let variable = "SOUK_\(service)_HTTP_ADDRESS"
        guard let port else {
            guard try environment.optionalString(variable) != nil else {
                throw ConfigurationError(
                    "SOUK_GATEWAY_ROUTES", "leads to \(name), but \(variable) is not set")
            }
            return UpstreamPolicy(
                name: name,
                targets: try environment.hostPorts(variable, default: HostPort(host: name, port: 80)))
        }
        var upstream = UpstreamPolicy(
            name: name,
            targets: try environment.hostPorts(variable, default: HostPort(host: "127.0.0.1", port: port)))
        upstream.healthCheck = HealthCheckPolicy()
        return upstream
    }
}

extension PolicyDefaults {
    /// Adds the marketplace's routes, and the services behind them, as far as the policy has none for the same paths, or of
    /// the same name.
    func includeMarketplace(in policy: inout GatewayPolicy, template: RoutePolicy) {
        var taken = Set(policy.routes.compactMap { try? RoutePattern($0.pattern) })
        for entry in marketplace.entries {
            guard let pattern = try? RoutePattern(entry.pattern), taken.insert(pattern).inserted else {
                continue
            }
            add(entry.pattern, to: entry.service, in: &policy, template)
        }
    }

    /// Adds what the gateway answers itself, as far as the policy has nothing else there: the probes without any limit, and
    /// all the rest at the end.
    func includeOwnRoutes(in policy: inout GatewayPolicy, template: RoutePolicy) {
        let taken = Set(policy.routes.compactMap { try? RoutePattern($0.pattern) })
        for path in probes where (try? RoutePattern(path)).map(taken.contains) == false {
            var route = RoutePolicy(pattern: path, upstream: GatewayPolicy.local)
            route.timeouts = template.timeouts
            route.retries.attempts = 0
            policy.routes.append(route)
        }
        if (try? RoutePattern("/**")).map(taken.contains) == false {
            add("/**", to: GatewayPolicy.local, in: &policy, template)
        }
    }

    /// The name of the upstream that a route to a service leads to: its own, or `local`. The policy knows it then.
    ///
    /// Nil where nobody knows the service.
    func upstream(of service: String, in policy: inout GatewayPolicy) -> String? {
        if service == GatewayPolicy.local || policy.upstreams[service] != nil { return service }
        guard let known = services[service] else { return nil }
        guard let known else { return GatewayPolicy.local }
        policy.upstreams[service] = known
        return service
    }

    private func add(
        _ pattern: String, to service: String, in policy: inout GatewayPolicy, _ template: RoutePolicy
    ) {
        guard let upstream = upstream(of: service, in: &policy) else {
            preconditionFailure("services holds all that routes lead to")
        }
        var route = template
        route.pattern = pattern
        route.upstream = upstream
        route.adaptToLocal()
        policy.routes.append(route)
    }
}

extension RoutePolicy {
    /// Takes away what has no meaning where no network lies between: a breaker, and repetitions.
    mutating func adaptToLocal() {
        guard upstream == GatewayPolicy.local else { return }
        breaker = nil
        retries.attempts = 0
    }
}

extension RateLimitPolicy {
    static let maxWindow: Duration = .seconds(86_400)
    static let quotas = 1...10_000_000
}
