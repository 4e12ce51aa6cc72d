import SoukCallContext
import SoukHTTP
import SoukIDs

/// Whom a rate limit counts. The whole identity and no hash of it, so two never share a quota.
enum RateKey: Sendable, Hashable {
    case ipv4(UInt32)
    /// The first half of an IPv6 address: a /64, which a single household is given.
    case ipv6(UInt64)
    case account(UserID)
    /// Whoever has no address that can be told apart, as over a socket of this machine.
    case unknown

    /// - Parameter address: as text; of an IPv6 address its /64 counts.
    init(address: String) {
        guard let bytes = IPAddress(address)?.bytes else {
            self = .unknown
            return
        }
        if bytes.count == 4 {
            self = .ipv4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        } else {
            self = .ipv6(bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    /// As a part of a cache's key.
    var text: String {
        switch self {
        case .ipv4(let bits):
            return "\(bits >> 24).\(bits >> 16 & 0xFF).\(bits >> 8 & 0xFF).\(bits & 0xFF)"
        case .ipv6(let bits): return String(bits, radix: 16) + "/64"
        case .account(let id): return "\(id)"
        case .unknown: return "unknown"
        }
    }

    /// Spreads keys over a few places; nothing depends on it but speed.
    var spread: UInt64 {
        switch self {
        case .ipv4(let bits): UInt64(bits)
        case .ipv6(let bits): bits
        case .account(let id): UInt64(truncatingIfNeeded: id.hashValue)
        case .unknown: 0
        }
    }
}
