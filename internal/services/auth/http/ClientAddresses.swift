import Foundation
import SoukHTTP

/// Turns the text of a request's address into what throttles count.
struct ClientAddresses: Sendable {
    let exempt: [AddressRange]

    func client(_ text: String) -> ClientAddress {
        let isExempt = IPAddress(text).map { address in exempt.contains { $0.contains(address) } } ?? false
        return ClientAddress(text, throttleSubject: Self.subnet64(of: text), isExempt: isExempt)
    }

    /// The /64 of an IPv6 address, which is what a single household has; nil for anything else.
    static func subnet64(of text: String) -> String? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: address) { Array($0) }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        guard !isMapped else { return nil }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}
