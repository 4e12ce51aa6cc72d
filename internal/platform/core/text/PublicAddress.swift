/// Which IP addresses may be on the public internet, by the registries of special-purpose addresses (RFC 6890, IANA).
enum PublicAddress {
    /// Not: private, loopback, link-local, shared (CGNAT), multicast, documentation, benchmarks, reserved.
    static func isPublic(ipv4 bytes: [UInt8]) -> Bool {
        let address = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return !special.contains { address >> (32 - $0.bits) == $0.prefix >> (32 - $0.bits) }
    }

    /// Global unicast (2000::/3) without documentation, and without what stands for an IPv4 address (6to4, Teredo).
    static func isPublic(ipv6 groups: [UInt16]) -> Bool {
        guard groups[0] >> 13 == 0b001 else { return false }
        let isProtocolAssignment = groups[0] == 0x2001 && groups[1] < 0x200
        let isDocumentation =
            groups[0] == 0x2001 && groups[1] == 0xDB8 || groups[0] == 0x3FFF && groups[1] < 0x1000
        return !isProtocolAssignment && !isDocumentation && groups[0] != 0x2002
    }

    private static let special: [(prefix: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
        (0xAC10_0000, 12), (0xC000_0000, 24), (0xC000_0200, 24), (0xC058_6300, 24), (0xC0A8_0000, 16),
        (0xC612_0000, 15), (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 4), (0xF000_0000, 4),
    ]
}
