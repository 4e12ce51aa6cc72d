// What the file says of rate limits and budgets.

extension PolicyNode {
    func read(into budgets: inout BudgetPolicy) {
        guard let mapping = mapping(["share", "body_memory", "http2_frames"]) else { return }
        mapping.share("share", &budgets.share, in: 1...1_000)
        mapping.size("body_memory", &budgets.bodyMemory, in: (1 << 20)...(64 << 30))
        mapping.int("http2_frames", &budgets.frameRate, in: 10...1_000_000)
    }

    /// Reports more of a body to be read ahead than one client's part of the memory, which could never be read.
    func checkReadAhead(of route: RoutePolicy, _ budgets: BudgetPolicy) {
        let bytes = min(route.concurrency?.readAhead ?? 0, route.maxBodyBytes)
        guard bytes > budgets.bodyPart else { return }
        report("reads \(PolicyMapping.written(bytes)) of a body ahead, but \(budgets.bodyPartText)")
    }

    func rateLimits(areShared: Bool) -> [RateLimitPolicy]? {
        guard let parts = list(atMost: RateLimitPolicy.maxPerRoute) else { return nil }
        var limits: [RateLimitPolicy] = []
        for part in parts {
            guard let mapping = part.mapping(["name", "key", "quota", "window", "shared"]) else { continue }
            var limit = RateLimitPolicy(
                name: "", key: .client, quota: 0, window: .zero, isShared: areShared)
            if let node = mapping.required("name"), let name = node.text("a name") {
                if !name.isLimitName {
                    node.report("must be 1 to 32 of a-z, 0-9, '-' and '_'")
                } else if limits.contains(where: { $0.name == name }) {
                    node.report("'\(name)' stands twice")
                }
                limit.name = name
            }
            mapping.choice("key", &limit.key)
            if mapping.required("quota") != nil {
                mapping.int("quota", &limit.quota, in: RateLimitPolicy.quotas)
            }
            if mapping.required("window") != nil {
                mapping.duration("window", &limit.window, in: .seconds(1)...RateLimitPolicy.maxWindow)
            }
            mapping.bool("shared", &limit.isShared)
            if limit.quota > 0, limit.window > .zero, let other = problems.conflict(limit, at: part.path) {
                part.report(
                    "says something else of '\(limit.name)' than \(other); limits of one name count together")
            }
            limits.append(limit)
        }
        return limits
    }
}

extension PolicyMapping {
    /// Reports what a route says of bodies that one client's part of the memory never suffices for.
    func checkBodies(of route: RoutePolicy, _ budgets: BudgetPolicy) {
        if self["concurrency"] != nil || self["max_body"] != nil { node.checkReadAhead(of: route, budgets) }
        // This process's own routes have all of a body in memory.
        guard route.upstream == GatewayPolicy.local, route.maxBodyBytes > budgets.bodyPart else { return }
        self["max_body"]?.report("is \(Self.written(route.maxBodyBytes)), but \(budgets.bodyPartText)")
    }
}

extension BudgetPolicy {
    fileprivate var bodyPartText: String {
        "one client has \(PolicyMapping.written(bodyPart)) of budgets.body_memory"
    }
}

extension String {
    fileprivate var isLimitName: Bool {
        (1...32).contains(utf8.count)
            && utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
    }
}
