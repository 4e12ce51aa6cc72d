/// An instant on the UTC time line, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// Values lie within the years 0001 to 9999, the range RFC 3339 can write; anything beyond is clamped to
/// ``min`` or ``max``, and arithmetic saturates there. Leap seconds do not exist on this line (POSIX time).
/// Encodes as an RFC 3339 string in UTC with six fraction digits.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since the Unix epoch; negative before 1970.
    package let microseconds: Int64

    /// 0001-01-01T00:00:00.000000Z.
    package static let min = Timestamp(microseconds: -62_135_596_800_000_000)
    /// 9999-12-31T23:59:59.999999Z.
    package static let max = Timestamp(microseconds: 253_402_300_799_999_999)

    /// The instant `microseconds` after the Unix epoch, clamped to ``min``...``max``.
    package init(microseconds: Int64) {
        self.microseconds = Swift.min(
            Swift.max(microseconds, -62_135_596_800_000_000), 253_402_300_799_999_999)
    }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.microseconds < rhs.microseconds
    }

    /// The instant `duration` later; fractions of a microsecond are dropped, the result saturates.
    package static func + (lhs: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = lhs.microseconds.addingReportingOverflow(duration.wholeMicroseconds)
        return overflow ? (duration < .zero ? .min : .max) : Timestamp(microseconds: sum)
    }

    /// The instant `duration` earlier; fractions of a microsecond are dropped, the result saturates.
    package static func - (lhs: Timestamp, duration: Duration) -> Timestamp {
        let (difference, overflow) = lhs.microseconds.subtractingReportingOverflow(duration.wholeMicroseconds)
        return overflow ? (duration < .zero ? .max : .min) : Timestamp(microseconds: difference)
    }

    /// The exact time from `rhs` to `lhs`; negative when `lhs` is the earlier one.
    package static func - (lhs: Timestamp, rhs: Timestamp) -> Duration {
        .microseconds(lhs.microseconds - rhs.microseconds)
    }
}

extension Duration {
    /// The duration in microseconds, fractions cut off towards zero, saturating at the bounds of `Int64`.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
