extension Timestamp {
    /// Reads an RFC 3339 date-time, as `2026-02-28T23:59:59.25+01:00`.
    ///
    /// Takes any offset (RFC 3339, section 5.6), `T` and `Z` in either case, and one to nine fraction digits
    /// or none; digits beyond microseconds are cut off. Second 60 is taken only where a leap second can
    /// stand, at 23:59 UTC, and means the following second. `nil` for anything else, and outside
    /// ``min``...``max``.
    package init?(rfc3339 text: String) {
        var text = text
        let parsed = text.withUTF8 { Self.parse($0) }
        guard let parsed, parsed >= Timestamp.min.microseconds, parsed <= Timestamp.max.microseconds else {
            return nil
        }
        self.init(microseconds: parsed)
    }

    /// The instant as RFC 3339 in UTC, always 27 characters: `2026-02-28T22:59:59.250000Z`.
    package var rfc3339: String {
        let perDay: Int64 = 86_400_000_000
        let day = microseconds.floorDivided(by: perDay)
        let ofDay = microseconds - day * perDay
        let date = CivilDate(daysSinceEpoch: day)
        let second = ofDay / 1_000_000
        return String(unsafeUninitializedCapacity: 27) { buffer in
            buffer.write(date.year, digits: 4, at: 0)
            buffer[4] = UInt8(ascii: "-")
            buffer.write(date.month, digits: 2, at: 5)
            buffer[7] = UInt8(ascii: "-")
            buffer.write(date.day, digits: 2, at: 8)
            buffer[10] = UInt8(ascii: "T")
            buffer.write(second / 3_600, digits: 2, at: 11)
            buffer[13] = UInt8(ascii: ":")
            buffer.write(second / 60 % 60, digits: 2, at: 14)
            buffer[16] = UInt8(ascii: ":")
            buffer.write(second % 60, digits: 2, at: 17)
            buffer[19] = UInt8(ascii: ".")
            buffer.write(ofDay % 1_000_000, digits: 6, at: 20)
            buffer[26] = UInt8(ascii: "Z")
            return 27
        }
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        // The shortest form is "2026-02-28T23:59:59Z".
        guard bytes.count >= 20,
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = bytes.digits(0..<4), let month = bytes.digits(5..<7), let day = bytes.digits(8..<10),
            let hour = bytes.digits(11..<13), let minute = bytes.digits(14..<16),
            let second = bytes.digits(17..<19),
            hour < 24, minute < 60, second <= 60,
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }

        var position = 19
        var fraction: Int64 = 0
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            let start = position
            while position < bytes.count, bytes[position].isDigit {
                if position - start < 6 {
                    fraction = fraction * 10 + Int64(bytes[position] - UInt8(ascii: "0"))
                }
                position += 1
            }
            let count = position - start
            guard (1...9).contains(count) else { return nil }
            for _ in Swift.min(count, 6)..<6 { fraction *= 10 }
        }

        guard let offsetMinutes = offset(bytes, at: position) else { return nil }
        let utcMinute = (date.daysSinceEpoch * 24 + hour) * 60 + minute - offsetMinutes
        if second == 60, utcMinute - utcMinute.floorDivided(by: 1_440) * 1_440 != 1_439 { return nil }
        return (utcMinute * 60 + second) * 1_000_000 + fraction
    }

    /// Minutes east of UTC from `Z` or `±hh:mm`, which must be all that is left at `position`.
    private static func offset(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Int64? {
        guard position < bytes.count else { return nil }
        if bytes[position] | 0x20 == UInt8(ascii: "z") { return position + 1 == bytes.count ? 0 : nil }
        let sign = bytes[position]
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            position + 6 == bytes.count, bytes[position + 3] == UInt8(ascii: ":"),
            let hours = bytes.digits(position + 1..<position + 3),
            let minutes = bytes.digits(position + 4..<position + 6),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }
}

extension Timestamp: CustomStringConvertible {
    /// Same as ``rfc3339``.
    package var description: String { rfc3339 }
}

extension Timestamp: Codable {
    /// Reads an RFC 3339 string.
    ///
    /// Throws: `DecodingError.dataCorrupted` when the string is none, `.typeMismatch` when it is no string.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(rfc3339: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not an RFC 3339 date-time")
        }
        self = value
    }

    /// Writes the RFC 3339 string.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}

extension UnsafeBufferPointer<UInt8> {
    /// The decimal number at `range`, `nil` if any byte there is not a digit. The range must be in bounds.
    fileprivate func digits(_ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        for index in range {
            guard self[index].isDigit else { return nil }
            value = value * 10 + Int64(self[index] - UInt8(ascii: "0"))
        }
        return value
    }
}

extension UnsafeMutableBufferPointer<UInt8> {
    /// Writes `value` right-aligned with leading zeros.
    fileprivate func write(_ value: Int64, digits: Int, at start: Int) {
        var rest = value
        for index in stride(from: start + digits - 1, through: start, by: -1) {
            self[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}
