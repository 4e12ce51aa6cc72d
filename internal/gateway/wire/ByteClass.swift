/// Which bytes may stand where (RFC 9110, section 5.6; RFC 9112, section 3).
enum ByteClass {
    /// tchar (RFC 9110, section 5.6.2), one bit for each of the codes 0...127.
    private static let tokenBits: (UInt64, UInt64) = (0x03ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe)

    @inline(__always) static func isToken(_ byte: UInt8) -> Bool {
        guard byte < 0x80 else { return false }
        let word = byte < 0x40 ? tokenBits.0 : tokenBits.1
        return word >> UInt64(byte & 0x3f) & 1 == 1
    }

    /// VCHAR, obs-text, SP and HTAB: what a field value or a reason phrase consists of.
    @inline(__always) static func isText(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7f || byte == .tab
    }

    /// What a request-target may hold here: visible ASCII, no fragment. Narrower grammars apply to a host.
    @inline(__always) static func isTarget(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#")
    }

    @inline(__always) static func isSpace(_ byte: UInt8) -> Bool { byte == .space || byte == .tab }

    @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inline(__always) static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    @inline(__always) static func hexValue(_ byte: UInt8) -> Int? {
        if isDigit(byte) { return Int(byte &- 0x30) }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? Int(letter) + 10 : nil
    }
}

extension UInt8 {
    static let cr: UInt8 = 0x0d
    static let lf: UInt8 = 0x0a
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
}

extension UnsafeRawBufferPointer {
    /// Whether only ``ByteClass/isText(_:)`` bytes lie in `range`. Eight at a time; a word with a byte below
    /// SP or a DEL is looked at closely, since it may be an HTAB.
    func isText(in range: Range<Int>) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            let word = loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let deleted = word ^ (ones &* 0x7f)
            // The classic "has a byte less than n" and "has a zero byte" of Bit Twiddling Hacks.
            let suspects = (word &- ones &* 0x20) & ~word | (deleted &- ones) & ~deleted
            if suspects & highs != 0 {
                for near in index..<index + 8 where !ByteClass.isText(self[near]) { return false }
            }
            index += 8
        }
        while index < range.upperBound {
            guard ByteClass.isText(self[index]) else { return false }
            index += 1
        }
        return true
    }

    /// `range` without SP and HTAB at both ends (OWS, RFC 9110, section 5.6.3).
    @inline(__always) func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, ByteClass.isSpace(self[start]) { start += 1 }
        while end > start, ByteClass.isSpace(self[end - 1]) { end -= 1 }
        return start..<end
    }

    /// Whether the token at `start`, known to be as long as `name`, is `name`: lower-case letters, digits
    /// and `-` only.
    ///
    /// Setting bit 5 folds the case of letters; of all other tchars none becomes a letter, a digit or `-`
    /// by it.
    @inline(__always) func hasToken(_ name: StaticString, at start: Int) -> Bool {
        let count = name.utf8CodeUnitCount
        let expected = UnsafeRawPointer(name.utf8Start)
        let fold: UInt64 = 0x2020_2020_2020_2020
        guard count >= 8 else {
            for index in 0..<count where self[start + index] | 0x20 != name.utf8Start[index] { return false }
            return true
        }
        var offset = 0
        while true {
            let word = loadUnaligned(fromByteOffset: start + offset, as: UInt64.self) | fold
            guard word == expected.loadUnaligned(fromByteOffset: offset, as: UInt64.self) else {
                return false
            }
            if offset == count - 8 { return true }
            // The last word overlaps the one before it.
            offset = Swift.min(offset + 8, count - 8)
        }
    }

    /// Whether the bytes in `range` are `text`, lower-case ASCII, in any case.
    func hasText(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count
        where Self.folded(self[range.lowerBound + index]) != text.utf8Start[index] { return false }
        return true
    }

    /// Whether two ranges hold the same text but for the case of ASCII letters.
    func isSameText(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        guard one.count == other.count else { return false }
        for index in 0..<one.count
        where Self.folded(self[one.lowerBound + index]) != Self.folded(self[other.lowerBound + index]) {
            return false
        }
        return true
    }

    /// Calls `body` with each element of a comma-separated list, trimmed, the empty ones too (RFC 9110,
    /// section 5.6.1), until it returns false. Knows no quoted strings.
    func forEachElement(of list: Range<Int>, _ body: (Range<Int>) -> Bool) {
        var start = list.lowerBound
        for index in list.lowerBound...list.upperBound
        where index == list.upperBound || self[index] == UInt8(ascii: ",") {
            guard body(trimmed(start..<index)) else { return }
            start = index + 1
        }
    }

    /// Whether `range` holds a token.
    func isToken(in range: Range<Int>) -> Bool {
        !range.isEmpty && range.allSatisfy { ByteClass.isToken(self[$0]) }
    }

    @inline(__always) private static func folded(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
