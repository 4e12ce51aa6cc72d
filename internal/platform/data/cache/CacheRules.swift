/// What every cache holds keys and values to.
package enum CacheRules {
    /// Longest key, in bytes.
    package static let maxKeyBytes = 250
    /// Longest value, in bytes.
    package static let maxValueBytes = 1 << 20

    /// Messages of a channel that wait for their reader; the oldest make room.
    package static let maxWaitingMessages = 10_000

    /// - Throws: ``CacheError/invalidArgument(_:)`` for a key that is empty, longer, or not of visible ASCII.
    package static func check(key: String) throws(CacheError) {
        let bytes = key.utf8
        guard !bytes.isEmpty, bytes.count <= maxKeyBytes, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalidArgument(
                "a key of \(bytes.count) bytes that is not 1 to \(maxKeyBytes) of visible ASCII")
        }
    }

    /// - Throws: ``CacheError/invalidArgument(_:)`` for a value that is longer.
    package static func check(value: [UInt8]) throws(CacheError) {
        guard value.count <= maxValueBytes else {
            throw .invalidArgument("a value of \(value.count) bytes, more than \(maxValueBytes)")
        }
    }

    /// The time to live in whole milliseconds, rounded up.
    ///
    /// - Throws: ``CacheError/invalidArgument(_:)`` for one that is not positive, or longer than ten years.
    package static func milliseconds(_ timeToLive: Duration) throws(CacheError) -> Int64 {
        guard timeToLive > .zero, timeToLive <= .seconds(3_653 * 86_400) else {
            throw .invalidArgument("a time to live of \(timeToLive)")
        }
        let (seconds, attoseconds) = timeToLive.components
        return seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
