package import Foundation

/// An identifier that can't be mistaken for one of another kind: a UUID with a phantom `Tag`.
///
/// New ones are UUIDv7 (RFC 9562), so they sort by creation, strictly so within a process. Any version can be
/// read. Written as 36 lower-case characters, in JSON too, as value and as dictionary key.
package struct ID<Tag>: Hashable, Sendable, Comparable {
    private let high: UInt64
    private let low: UInt64

    /// A new UUIDv7, greater than every one made before in this process. Safe from any thread.
    package init() {
        let bits = UUIDv7.make()
        high = bits.high
        low = bits.low
    }

    /// The identifier with these sixteen bytes.
    package init(uuid: UUID) {
        let bytes = uuid.uuid
        high = Self.join(
            bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7)
        low = Self.join(
            bytes.8, bytes.9, bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15)
    }

    /// The same sixteen bytes as Foundation's type.
    package var uuid: UUID {
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 {
            UInt8(truncatingIfNeeded: word >> (56 - 8 * index))
        }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            ))
    }

    /// Order of the bytes, which is the order of the strings, and for UUIDv7 the order of creation.
    package static func < (lhs: ID, rhs: ID) -> Bool {
        lhs.high != rhs.high ? lhs.high < rhs.high : lhs.low < rhs.low
    }

    private static func join(
        _ b0: UInt8, _ b1: UInt8, _ b2: UInt8, _ b3: UInt8, _ b4: UInt8, _ b5: UInt8, _ b6: UInt8, _ b7: UInt8
    ) -> UInt64 {
        var word = UInt64(b0)
        for byte in [b1, b2, b3, b4, b5, b6, b7] { word = word << 8 | UInt64(byte) }
        return word
    }
}

extension ID: LosslessStringConvertible {
    /// Reads `8-4-4-4-12` hexadecimal digits in either case and nothing else; `nil` otherwise.
    package init?(_ description: String) {
        var text = description
        let words: (UInt64, UInt64)? = text.withUTF8 { bytes in
            guard bytes.count == 36 else { return nil }
            var words: (UInt64, UInt64) = (0, 0)
            var digits = 0
            for (index, byte) in bytes.enumerated() {
                if index == 8 || index == 13 || index == 18 || index == 23 {
                    guard byte == UInt8(ascii: "-") else { return nil }
                    continue
                }
                guard let digit = Self.hexValue(byte) else { return nil }
                if digits < 16 {
                    words.0 = words.0 << 4 | digit
                } else {
                    words.1 = words.1 << 4 | digit
                }
                digits += 1
            }
            return words
        }
        guard let words else { return nil }
        (high, low) = words
    }

    /// 36 lower-case characters.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit % 16))) & 0xf
                buffer[position] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
                position += 1
            }
            return position
        }
    }

    private static func hexValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension ID: Codable, CodingKeyRepresentable {
    /// Reads the string form.
    ///
    /// Throws: `DecodingError.dataCorrupted` when the string is no UUID, `.typeMismatch` when it is no
    /// string.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = ID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = value
    }

    /// Writes the lower-case string form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package init?<T: CodingKey>(codingKey: T) { self.init(codingKey.stringValue) }

    package var codingKey: any CodingKey { Key(stringValue: description) }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// Tag of ``UserID``.
package enum UserTag {}

/// Names a user account, everywhere in the marketplace.
package typealias UserID = ID<UserTag>
