import Foundation

/// Unguessable strings for session names, refresh tokens and the like.
package enum RandomToken {
    /// `bytes` random bytes from the system's CSPRNG as base64url without padding (RFC 4648, section 5).
    ///
    /// 32 bytes, the default, give 43 characters. `bytes` must be positive.
    package static func make(bytes: Int = 32) -> String {
        precondition(bytes > 0, "a token needs at least one byte")
        var random = SystemRandomNumberGenerator()
        var raw = [UInt8]()
        raw.reserveCapacity(bytes + 7)
        while raw.count < bytes {
            withUnsafeBytes(of: random.next() as UInt64) { raw.append(contentsOf: $0) }
        }
        return Data(raw.prefix(bytes)).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
