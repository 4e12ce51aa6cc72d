import SoukEnv

/// Where something listens: a name or an address, and a port.
package struct HostPort: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// `host:port`, an IPv6 address in brackets.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(where: { "[]/@? ".contains($0) }) else { return nil }
        self.host = String(host)
        self.port = port
    }

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension Environment {
    /// Comma-separated `host:port`.
    ///
    /// - Throws: `ConfigurationError` quoting the first that is none.
    func hostPorts(_ name: String, default fallback: HostPort) throws(ConfigurationError) -> [HostPort] {
        var result: [HostPort] = []
        for text in try list(name) {
            guard let address = HostPort(text) else {
                throw ConfigurationError(name, "'\(text)' is not of the form host:port")
            }
            result.append(address)
        }
        return result.isEmpty ? [fallback] : result
    }
}
