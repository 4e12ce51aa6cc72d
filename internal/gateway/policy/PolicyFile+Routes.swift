import SoukText

// What the file says of routes, and of all of them.

extension RoutePolicy {
    /// What `defaults` say, and every route may.
    static let overridable = [
        "timeouts", "retries", "breaker", "concurrency", "max_body", "body_rate", "rate_limits", "token",
        "cors",
        "compression",
    ]

    /// Reports limits that would never count anybody.
    func checkTokens(_ node: PolicyNode) {
        guard token == .ignored else { return }
        for limit in rateLimits where limit.key != .client {
            node.report(
                "limits '\(limit.name)' by \(limit.key.rawValue), but its 'token' is ignored: nobody would be counted"
            )
        }
    }
}

extension PolicyNode {
    func readRoutes(
        into policy: inout GatewayPolicy, template: RoutePolicy, _ defaults: PolicyDefaults
    ) {
        guard let parts = list(atMost: PolicyFile.maxRoutes) else { return }
        var seen: [RoutePattern: String] = [:]
        for part in parts {
            guard let mapping = part.mapping(["path", "upstream"] + RoutePolicy.overridable) else { continue }
            let path = mapping.required("path")
            let text = path?.text("a pattern such as /api/v1/things/**")
            if let path, let text {
                do {
                    let pattern = try RoutePattern(text)
                    if let other = seen.updateValue(part.path, forKey: pattern) {
                        path.report("stands for the same paths as \(other)")
                    }
                } catch {
                    path.report("\(error)")
                }
            }
            let upstream = mapping.required("upstream")
            let name = upstream?.text("the name of an upstream")
            var route = template
            route.pattern = text ?? "/"
            if let upstream, let name {
                if let known = defaults.upstream(of: name, in: &policy) {
                    route.upstream = known
                } else {
                    let names = [GatewayPolicy.local] + policy.upstreams.keys + defaults.services.keys
                    upstream.report("is unknown; \(Nearest.of(name, among: Array(Set(names)).sorted()))")
                }
            }
            mapping.read(into: &route, limitsAreShared: defaults.limitsAreShared)
            if name == GatewayPolicy.local { mapping.checkLocal() }
            route.checkTokens(part)
            mapping.checkBodies(of: route, policy.budgets)
            route.adaptToLocal()
            policy.routes.append(route)
        }
    }
}

extension PolicyMapping {
    /// Reads all that defaults and routes may say.
    func read(into route: inout RoutePolicy, limitsAreShared: Bool) {
        if let part = self["timeouts"]?.mapping(["connect", "first_byte", "total"]) {
            part.read(into: &route.timeouts)
        }
        if let part = self["retries"]?.mapping(["attempts", "budget_percent", "budget_floor"]) {
            part.read(into: &route.retries)
        }
        switchable("breaker", &route.breaker, fresh: BreakerPolicy(), keys: ["failures", "open_for"]) {
            $0.int("failures", &$1.failures, in: 1...10_000)
            $0.duration("open_for", &$1.openFor, in: .milliseconds(100)...(.seconds(600)))
        }
        let slots = ["limit", "queue", "queue_timeout", "read_ahead"]
        switchable("concurrency", &route.concurrency, fresh: ConcurrencyPolicy(), keys: slots) {
            $0.int("limit", &$1.limit, in: 1...100_000)
            $0.int("queue", &$1.queue, in: 0...100_000)
            $0.duration("queue_timeout", &$1.queueTimeout, in: .milliseconds(1)...(.seconds(60)))
            $0.size("read_ahead", &$1.readAhead, in: 0...(1 << 20))
        }
        switchable("body_rate", &route.bodyRate, fresh: BodyRatePolicy(), keys: ["min", "grace"]) {
            $0.size("min", &$1.minimum, in: 1...(1 << 30))
            $0.duration("grace", &$1.grace, in: .milliseconds(100)...(.seconds(600)))
        }
        size("max_body", &route.maxBodyBytes, in: 0...(16 << 30))
        if let list = self["rate_limits"]?.rateLimits(areShared: limitsAreShared) { route.rateLimits = list }
        choice("token", &route.token)
        if let part = self["cors"]?.mapping(["origins"]), let origins = part.required("origins")?.origins() {
            route.cors = CORSPolicy(origins: origins)
        }
        let compression = ["min_size", "level", "types"]
        switchable("compression", &route.compression, fresh: CompressionPolicy(), keys: compression) {
            $0.size("min_size", &$1.minBytes, in: 0...(1 << 20))
            $0.int("level", &$1.level, in: 1...9)
            if let types = $0["types"]?.mediaTypes() { $1.types = types }
        }
    }

    /// Reports what has no meaning where no network lies between.
    fileprivate func checkLocal() {
        if let breaker = self["breaker"], !breaker.isOff {
            breaker.report("has no meaning for upstream 'local'")
        }
        self["retries"]?.report("has no meaning for upstream 'local'")
    }

    private func read(into timeouts: inout TimeoutPolicy) {
        duration("connect", &timeouts.connect, in: .milliseconds(1)...(.seconds(60)))
        duration("first_byte", &timeouts.firstByte, in: .milliseconds(1)...(.seconds(3_600)))
        if let total = self["total"], total.isOff {
            timeouts.total = nil
        } else {
            var total = timeouts.total ?? .zero
            duration("total", &total, in: .milliseconds(1)...(.seconds(86_400)))
            timeouts.total = total == .zero ? nil : total
        }
        // Only where both are said together: a route may well shorten one of them alone.
        if let total = timeouts.total, self["total"] != nil, self["first_byte"] != nil,
            total < timeouts.firstByte
        {
            self["total"]?.report("is shorter than 'first_byte'")
        }
    }

    private func read(into retries: inout RetryPolicy) {
        int("attempts", &retries.attempts, in: 0...10)
        int("budget_percent", &retries.budgetPercent, in: 0...100)
        int("budget_floor", &retries.budgetFloor, in: 0...10_000)
        if retries.attempts > 0, retries.budgetPercent == 0, retries.budgetFloor == 0 {
            node.report("has 'attempts', but a budget of nothing")
        }
    }
}

extension PolicyNode {
    private static var someOrigins: String { "an origin such as https://shop.example, without a path" }

    fileprivate func origins() -> [String]? {
        guard let parts = list(atMost: 100) else { return nil }
        var origins: [String] = []
        for part in parts {
            guard let text = part.text(Self.someOrigins) else { continue }
            if !text.equals(bytes: "*"), !text.isOrigin {
                part.report("must be \(Self.someOrigins)")
            } else if origins.contains(text) {
                part.report("stands twice")
            }
            origins.append(text)
        }
        // check-text: a list of whole origins, not a text
        if origins.contains("*"), origins.count > 1 { report("has '*', which is all, beside others") }
        return origins
    }

    fileprivate func mediaTypes() -> [String]? {
        list(atMost: 100)?.compactMap { part in
            guard let text = part.text("a media type") else { return nil }
            let halves = text.split(byte: "/", omittingEmptySubsequences: false)
            let isType =
                halves.count == 2
                && halves.allSatisfy { half in
                    !half.isEmpty
                        && half.utf8.allSatisfy {
                            $0 > 0x20 && $0 < 0x7F && !"()<>@,;:\\\"/[]?=* ".utf8.contains($0)
                        }
                }
            if !isType { part.report("must be a media type such as application/json, without parameters") }
            return text.lowercasedASCII()
        }
    }
}

extension String {
    /// `scheme://host[:port]`, as browsers write it (RFC 6454, section 6.2).
    fileprivate var isOrigin: Bool {
        WebURL(self)?.origin.equals(bytes: self) == true && equals(bytes: lowercasedASCII())
    }
}
