/// Headers by which something in front of a service could claim who is calling. None is trusted from outside, so the
/// gateway takes them off in every spelling: any case, and `_` or `.` for `-`, which some servers treat alike.
enum IdentityHeaders {
    static let names = [
        "x-user-id", "x-user", "x-user-email", "x-user-name", "x-user-role", "x-user-roles", "x-roles",
        "x-role", "x-principal", "x-session-id", "x-vendor-id", "x-customer-id", "x-admin", "x-remote-user",
        "remote-user", "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups",
        "x-forwarded-preferred-username", "x-authenticated-user", "x-authenticated-userid",
        "x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "x-consumer-id",
        "x-consumer-username", "x-client-cert", "x-ssl-client-cert",
    ]
    static let prefixes = ["x-souk-", "x-internal-", "x-goog-authenticated-user-"]

    /// No name and no prefix is longer.
    private static let maxLength = 32
    private static let table = Table()

    /// Whether a header claims an identity.
    static func contains(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { contains(UnsafeRawBufferPointer($0)) }
    }

    /// As ``contains(_:)``, of the bytes of a name; allocates nothing.
    static func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        // Nearly every name ends here.
        guard name.count >= 6, let first = name.first.map(fold),
            first == UInt8(ascii: "x") ? fold(name[1]) == UInt8(ascii: "-") : first == UInt8(ascii: "r")
        else { return false }
        let length = min(name.count, maxLength)
        return withUnsafeTemporaryAllocation(byteCount: maxLength, alignment: 8) { folded in
            for index in 0..<length { folded[index] = fold(name[index]) }
            return table.contains(UnsafeRawBufferPointer(folded), length: name.count)
        }
    }

    private static func fold(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "_"), UInt8(ascii: "."): UInt8(ascii: "-")
        default: byte
        }
    }

    /// All names in one array, the short ones first, so that only those of a length are looked at.
    private struct Table {
        private var bytes: [UInt8] = []
        /// Where the names of a length begin.
        private var starts = [Int](repeating: 0, count: maxLength + 2)
        private let prefixBytes: [[UInt8]]

        init() {
            for length in 0...maxLength {
                starts[length] = bytes.count
                for name in names where name.utf8.count == length { bytes += name.utf8 }
            }
            starts[maxLength + 1] = bytes.count
            prefixBytes = prefixes.map { Array($0.utf8) }
        }

        /// - Parameter length: of the name, of which `folded` has the beginning.
        func contains(_ folded: UnsafeRawBufferPointer, length: Int) -> Bool {
            if length <= maxLength {
                for start in stride(from: starts[length], to: starts[length + 1], by: length)
                where equal(bytes, from: start, length, folded) {
                    return true
                }
            }
            for prefix in prefixBytes
            where length >= prefix.count && equal(prefix, from: 0, prefix.count, folded) {
                return true
            }
            return false
        }

        private func equal(
            _ known: [UInt8], from start: Int, _ length: Int, _ folded: UnsafeRawBufferPointer
        ) -> Bool {
            for index in 0..<length where known[start + index] != folded[index] { return false }
            return true
        }
    }
}
