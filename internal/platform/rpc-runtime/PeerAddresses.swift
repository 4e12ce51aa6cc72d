package import SoukEnv

/// Where a peer listens: `host:port` or several of them, with commas between. A host is a name, whose addresses are
/// all used, an IPv4 address, or an IPv6 address in brackets.
package struct PeerAddresses: Sendable, Hashable, CustomStringConvertible {
    struct Address: Sendable, Hashable {
        var host: String
        var port: Int
    }

    static let maxCount = 64

    let addresses: [Address]
    package let description: String

    /// Reads `text`; `name` is the variable to blame.
    ///
    /// Throws: `ConfigurationError` for anything else than such a list.
    package init(_ text: String, for name: String) throws(ConfigurationError) {
        var addresses: [Address] = []
        for part in text.split(separator: ",") {
            let entry = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            guard let address = Self.parse(String(entry)) else {
                throw ConfigurationError(name, "'\(String(entry))' is not an address such as host:9101")
            }
            addresses.append(address)
        }
        guard (1...Self.maxCount).contains(addresses.count) else {
            throw ConfigurationError(name, "must name 1 to \(Self.maxCount) addresses such as host:9101")
        }
        self.addresses = addresses
        description = text
    }

    private static func parse(_ text: String) -> Address? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard (1...253).contains(host.utf8.count), !host.contains(where: { $0.isWhitespace || $0 == "/" })
        else {
            return nil
        }
        return Address(host: String(host), port: port)
    }
}
