import SoukHTTP

// What the file says of connections: those of clients, and those to services.

extension PolicyNode {
    func read(into listener: inout ListenerPolicy) {
        let keys = [
            "tls", "http2", "max_connections", "header_timeout", "idle_timeout", "body_timeout",
            "drain_timeout",
            "max_target", "max_headers", "max_header_fields", "max_concurrent_streams",
        ]
        guard let mapping = mapping(keys) else { return }
        mapping["tls"]?.read(into: &listener.tls)
        mapping.bool("http2", &listener.http2)
        mapping.int("max_connections", &listener.maxConnections, in: 1...1_000_000)
        mapping.duration("header_timeout", &listener.headerTimeout, in: .milliseconds(100)...(.seconds(300)))
        mapping.duration("idle_timeout", &listener.idleTimeout, in: .seconds(1)...(.seconds(3_600)))
        mapping.duration("body_timeout", &listener.bodyTimeout, in: .milliseconds(100)...(.seconds(3_600)))
        mapping.duration("drain_timeout", &listener.drainTimeout, in: .zero...(.seconds(600)))
        mapping.size("max_target", &listener.maxTargetBytes, in: 256...(64 << 10))
        mapping.size("max_headers", &listener.maxHeaderBytes, in: 1_024...(256 << 10))
        mapping.int("max_header_fields", &listener.maxHeaderFields, in: 10...1_000)
        mapping.int("max_concurrent_streams", &listener.maxConcurrentStreams, in: 1...1_000)
    }

    private func read(into tls: inout TLSPolicy?) {
        guard let mapping = mapping(["certificate_file", "key_file"]) else { return }
        let certificate = mapping.required("certificate_file")?.text("the path of a PEM file")
        let key = mapping.required("key_file")?.text("the path of a PEM file")
        guard let certificate, let key else { return }
        tls = TLSPolicy(certificateFile: certificate, keyFile: key)
    }

    func read(into ranges: inout [AddressRange]) {
        guard let parts = list(atMost: 1_000) else { return }
        ranges = parts.compactMap { part in
            guard let text = part.text("an IP address or a range such as 10.0.0.0/8") else { return nil }
            let range = AddressRange(text)
            if range == nil { part.report("is no IP address nor a range such as 10.0.0.0/8") }
            return range
        }
    }

    func read(into upstreams: inout [String: UpstreamPolicy], _ defaults: PolicyDefaults) {
        let rule = "1 to 63 of a-z, 0-9 and '-'"
        guard let entries = named({ $0.isUpstreamName }, rule) else { return }
        for (name, node) in entries {
            guard name != GatewayPolicy.local else {
                node.report("is the gateway's own; it has no address")
                continue
            }
            let known = defaults.services[name]
            guard
                let upstream = node.upstream(name, known: known.flatMap { $0 }, isLocal: known == .some(nil))
            else { continue }
            // In one process the marketplace's services are routes of it, wherever they would be otherwise.
            if known != .some(nil) { upstreams[name] = upstream }
        }
    }

    private func upstream(_ name: String, known: UpstreamPolicy?, isLocal: Bool) -> UpstreamPolicy? {
        guard let mapping = mapping(["targets", "health_check", "idle_connections", "idle_timeout"]) else {
            return nil
        }
        var upstream = known ?? UpstreamPolicy(name: name, targets: [])
        if let targets = mapping["targets"] {
            upstream.targets = targets.targets()
        } else if known == nil, !isLocal {
            _ = mapping.required("targets")
        }
        let keys = ["path", "interval", "timeout", "unhealthy_after", "healthy_after"]
        mapping.switchable("health_check", &upstream.healthCheck, fresh: HealthCheckPolicy(), keys: keys) {
            $0.read(into: &$1)
        }
        mapping.int("idle_connections", &upstream.idleConnections, in: 0...10_000)
        mapping.duration("idle_timeout", &upstream.idleTimeout, in: .seconds(1)...(.seconds(3_600)))
        return upstream
    }

    private func targets() -> [HostPort] {
        guard let parts = list(atMost: 256) else { return [] }
        if parts.isEmpty { report("must not be empty") }
        var targets: [HostPort] = []
        for part in parts {
            guard let text = part.text("of the form host:port") else { continue }
            guard let target = HostPort(text) else {
                part.report("is not of the form host:port")
                continue
            }
            if targets.contains(target) { part.report("stands twice") }
            targets.append(target)
        }
        return targets
    }
}

extension PolicyMapping {
    fileprivate func read(into check: inout HealthCheckPolicy) {
        if let node = self["path"], let path = node.text("a path") {
            if path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), path.utf8.count <= 1_024
            {
                check.path = path
            } else {
                node.report("must be a path such as /livez")
            }
        }
        duration("interval", &check.interval, in: .milliseconds(100)...(.seconds(3_600)))
        duration("timeout", &check.timeout, in: .milliseconds(10)...(.seconds(60)))
        int("unhealthy_after", &check.unhealthyAfter, in: 1...100)
        int("healthy_after", &check.healthyAfter, in: 1...100)
        if check.timeout > check.interval {
            node.report("has a 'timeout' that is longer than its 'interval'")
        }
    }
}

extension String {
    fileprivate var isUpstreamName: Bool {
        (1...63).contains(utf8.count)
            && utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }
}
