package import SoukEnv
import Foundation

extension GatewayPolicy {
    /// What `SOUK_GATEWAY_POLICY_FILE` says, or where it is not set ``marketplace(environment:services:sharesLimits:)``. Reads
    /// the file anew each time, so it serves for reloads, too.
    ///
    /// - Throws: `ConfigurationError` naming the variable; for a file with every problem in it, each on a line of its own.
    package static func load(
        environment: Environment, services: [RoutedService], sharesLimits: Bool
    ) throws(ConfigurationError) -> GatewayPolicy {
        let variable = "SOUK_GATEWAY_POLICY_FILE"
        guard let path = try environment.optionalString("SOUK_GATEWAY_POLICY_FILE") else {
            return try marketplace(
                environment: environment, services: services, sharesLimits: sharesLimits)
        }
        let defaults = try PolicyDefaults(
            environment: environment, services: services, sharesLimits: sharesLimits)
        do {
            return try PolicyFile.read(path, defaults: defaults)
        } catch {
            throw ConfigurationError(variable, error.description)
        }
    }
}

/// The policy as people write it: one YAML file, documented in docs/gateway.md.
enum PolicyFile {
    static let maxBytes = 1 << 20
    static let maxRoutes = 1_000

    /// - Throws: ``PolicyFileError``.
    static func read(_ path: String, defaults: PolicyDefaults) throws(PolicyFileError) -> GatewayPolicy {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw PolicyFileError(["\(path): can't be opened"])
        }
        defer { try? handle.close() }
        let bytes: Data
        do {
            bytes = try handle.read(upToCount: maxBytes + 1) ?? Data()
        } catch {
            throw PolicyFileError(["\(path): can't be read"])
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw PolicyFileError(["\(path): is not UTF-8"])
        }
        return try parse(text, file: path, defaults: defaults)
    }

    /// - Parameter file: names the file in errors.
    /// - Throws: ``PolicyFileError`` with all that is wrong.
    static func parse(
        _ text: String, file: String, defaults: PolicyDefaults
    ) throws(PolicyFileError) -> GatewayPolicy {
        let problems = PolicyProblems(file: file)
        var policy = defaults.policy
        if let root = PolicyNode(text: text, problems: problems) {
            read(root, into: &policy, defaults)
        }
        guard problems.isEmpty else { throw PolicyFileError(problems.lines) }
        return policy
    }

    private enum Include: String, CaseIterable {
        case marketplace
    }

    private static func read(_ root: PolicyNode, into policy: inout GatewayPolicy, _ defaults: PolicyDefaults)
    {
        let keys = [
            "include", "listener", "budgets", "trusted_proxies", "rate_limit_exempt", "access_log",
            "upstreams",
            "defaults", "routes",
        ]
        guard let file = root.mapping(keys) else { return }
        file["listener"]?.read(into: &policy.listener)
        file["budgets"]?.read(into: &policy.budgets)
        file["trusted_proxies"]?.read(into: &policy.trustedProxies)
        file["rate_limit_exempt"]?.read(into: &policy.rateLimitExempt)
        file.bool("access_log", &policy.accessLog)
        file["upstreams"]?.read(into: &policy.upstreams, defaults)
        var template = defaults.route
        if let node = file["defaults"] {
            if let mapping = node.mapping(RoutePolicy.overridable) {
                mapping.read(into: &template, limitsAreShared: defaults.limitsAreShared)
            }
            template.checkTokens(node)
        }
        (file["defaults"] ?? file["budgets"] ?? root).checkReadAhead(of: template, policy.budgets)
        // Those of the environment, where the file has not replaced them.
        for limit in template.rateLimits { _ = root.problems.conflict(limit, at: "SOUK_GATEWAY_RATE_LIMIT") }
        var include = Include.marketplace
        file.choice("include", &include)
        if let routes = file["routes"] {
            routes.readRoutes(into: &policy, template: template, defaults)
        } else if file["include"] == nil {
            root.report("has neither 'routes' nor 'include: marketplace', so it leads nowhere")
        }
        if file["include"] != nil { defaults.includeMarketplace(in: &policy, template: template) }
        defaults.includeOwnRoutes(in: &policy, template: template)
    }
}

/// All that is wrong with a policy file, in the order of its lines.
struct PolicyFileError: Error, CustomStringConvertible {
    /// `gateway.yaml:12:5: routes[3].retries.attempts must be 0 to 10`
    let problems: [String]

    init(_ problems: [String]) {
        self.problems = problems
    }

    var description: String {
        problems.count == 1
            ? problems[0] : "\(problems.count) errors\n" + problems.joined(separator: "\n")
    }
}
