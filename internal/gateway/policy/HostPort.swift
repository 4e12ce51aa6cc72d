import SoukEnv
import SoukText

/// Where something listens: a name or an address, and a port.
package struct HostPort: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// `host:port`, an IPv6 address in brackets.
    package init?(_ text: String) {
        guard let (name, digits) = text.split(atLast: ":"), let port = Int(digits),
            (1...65_535).contains(port)
        else { return nil }
        let address = name.hasSuffix(bytes: "]") ? name.withoutPrefix(bytes: "[") : nil
        let host = address?.prefix(beforeByte: "]") ?? name
        guard !host.isEmpty, !host.utf8.contains(where: "[]/@? ".utf8.contains) else { return nil }
        self.host = String(host)
        self.port = port
    }

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(byte: ":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
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
