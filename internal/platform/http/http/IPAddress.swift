import Glibc
import SoukText

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2) are taken as the IPv4 ones they map.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes in network order.
    package let bytes: [UInt8]

    /// The address written in dotted or colon form; `nil` for anything else, ports and zones included.
    package init?(_ text: some StringProtocol) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, String(text), &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, String(text), &six) == 1 {
            let all = withUnsafeBytes(of: six) { Array($0) }
            let mapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = mapped ? Array(all[12...]) : all
        } else {
            return nil
        }
    }

    /// What one client has, for limits per client: the /64 of an IPv6 address, which a single household is given, and
    /// anything else as it is.
    package static func clientNetwork(of text: String) -> String {
        guard let address = IPAddress(text) else { return text }
        guard address.bytes.count == 16 else { return address.bytes.map(String.init).joined(separator: ".") }
        return address.bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}

/// All addresses that share a prefix: `10.0.0.0/8`, `::1`.
package struct AddressRange: Hashable, Sendable {
    private let prefix: [UInt8]
    private let bits: Int

    /// Reads CIDR notation (RFC 4632); without `/n` it is the one address. `nil` when the text is neither.
    package init?(_ text: String) {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = IPAddress(parts[0]) else { return nil }
        let width = address.bytes.count * 8
        guard parts.count == 2 else {
            prefix = address.bytes
            bits = width
            return
        }
        guard let bits = Int(parts[1]), (0...width).contains(bits) else { return nil }
        prefix = address.bytes
        self.bits = bits
    }

    /// Whether the address is one of the range.
    package func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == prefix.count else { return false }
        let whole = bits / 8
        guard address.bytes[..<whole] == prefix[..<whole] else { return false }
        guard bits % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> (bits % 8))
        return address.bytes[whole] & mask == prefix[whole] & mask
    }
}
