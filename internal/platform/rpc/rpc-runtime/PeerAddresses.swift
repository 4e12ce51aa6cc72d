package import SoukEnv
import SoukText

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
        for part in text.split(byte: ",") {
            let entry = String(part.trimmingBlanks())
            guard let address = Self.parse(entry) else {
                throw ConfigurationError(name, "'\(entry)' is not an address such as host:9101")
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
        guard let (name, digits) = text.split(atLast: ":"), let port = Int(digits),
            (1...65_535).contains(port)
        else { return nil }
        let address = name.hasSuffix(bytes: "]") ? name.withoutPrefix(bytes: "[") : nil
        let host = address?.prefix(beforeByte: "]") ?? name
        guard host.contains(byte: ":") == (address != nil), (1...253).contains(host.utf8.count),
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
        else { return nil }
        return Address(host: String(host), port: port)
    }
}
