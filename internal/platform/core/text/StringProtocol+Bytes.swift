/// Search, split, trim and compare for syntax, on UTF-8 code units.
///
/// The standard library's methods of the same names work on characters: grapheme clusters compared by canonical equivalence. There
/// U+0600 and the comma after it are one character, so `contains(",")` is false; and U+037E equals `;`. No parser, database or
/// browser that reads the text afterwards sees it so. A match of ASCII or of whole scalars in UTF-8 never begins inside a scalar.
///
/// The parameters named `byte` must be ASCII. All are inlinable: other modules then have them without a generic call per byte.
extension StringProtocol {
    /// Whether the byte occurs anywhere.
    @inlinable package func contains(byte: Unicode.Scalar) -> Bool {
        utf8.contains(UInt8(ascii: byte))
    }

    /// Whether the text occurs anywhere, code unit by code unit; an empty text always does.
    @inlinable package func contains(bytes text: some StringProtocol) -> Bool {
        range(ofBytes: text) != nil
    }

    /// The index of the first such byte.
    @inlinable package func firstIndex(ofByte byte: Unicode.Scalar) -> Index? {
        utf8.firstIndex(of: UInt8(ascii: byte))
    }

    /// The index of the last such byte.
    @inlinable package func lastIndex(ofByte byte: Unicode.Scalar) -> Index? {
        Substring(self).utf8.lastIndex(of: UInt8(ascii: byte))
    }

    /// Where the text occurs first, code unit by code unit.
    @inlinable package func range(ofBytes text: some StringProtocol) -> Range<Index>? {
        let pattern = Array(text.utf8)
        var start = utf8.startIndex
        while true {
            if utf8[start...].starts(with: pattern) {
                return start..<utf8.index(start, offsetBy: pattern.count)
            }
            guard start < utf8.endIndex else { return nil }
            utf8.formIndex(after: &start)
        }
    }

    /// Whether the text begins with these code units.
    @inlinable package func hasPrefix(bytes prefix: some StringProtocol) -> Bool {
        utf8.starts(with: prefix.utf8)
    }

    /// Whether the text ends with these code units.
    @inlinable package func hasSuffix(bytes suffix: some StringProtocol) -> Bool {
        utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    /// What follows these code units; `nil` when the text does not begin with them.
    @inlinable package func withoutPrefix(bytes prefix: some StringProtocol) -> SubSequence? {
        hasPrefix(bytes: prefix) ? self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...] : nil
    }

    /// What precedes the first such byte; the whole text when there is none.
    @inlinable package func prefix(beforeByte byte: Unicode.Scalar) -> SubSequence {
        self[..<(firstIndex(ofByte: byte) ?? endIndex)]
    }

    /// Whether both have the same code units; `==` also takes canonically equivalent texts for equal.
    @inlinable package func equals(bytes other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8)
    }

    /// Whether both have the same code units after ``lowercasedASCII()``.
    @inlinable package func equals(ignoringASCIICase other: some StringProtocol) -> Bool {
        utf8.lazy.map(\.lowercasedASCII).elementsEqual(other.utf8.lazy.map(\.lowercasedASCII))
    }

    /// The text's parts between such bytes, as `split(separator:maxSplits:omittingEmptySubsequences:)` returns them.
    @inlinable package func split(
        byte: Unicode.Scalar, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true
    ) -> [SubSequence] {
        let separator = UInt8(ascii: byte)
        var parts: [SubSequence] = []
        var start = startIndex
        func end(at index: Index) {
            if start != index || !omittingEmptySubsequences { parts.append(self[start..<index]) }
        }
        while parts.count < maxSplits, let index = utf8[start...].firstIndex(of: separator) {
            end(at: index)
            start = utf8.index(after: index)
        }
        end(at: endIndex)
        return parts
    }

    /// What precedes and what follows the first such byte; `nil` when there is none.
    @inlinable package func split(atFirst byte: Unicode.Scalar) -> (SubSequence, SubSequence)? {
        firstIndex(ofByte: byte).map { (self[..<$0], self[utf8.index(after: $0)...]) }
    }

    /// What precedes and what follows the last such byte; `nil` when there is none.
    @inlinable package func split(atLast byte: Unicode.Scalar) -> (SubSequence, SubSequence)? {
        lastIndex(ofByte: byte).map { (self[..<$0], self[utf8.index(after: $0)...]) }
    }

    /// The text with every occurrence of the code units replaced, from left to right.
    @inlinable package func replacing(
        bytes pattern: some StringProtocol, with replacement: some StringProtocol
    )
        -> String
    {
        let (pattern, replacement) = (Array(pattern.utf8), Array(replacement.utf8))
        precondition(!pattern.isEmpty, "an empty pattern occurs everywhere")
        var result: [UInt8] = []
        result.reserveCapacity(utf8.count)
        var rest = Array(utf8)[...]
        while let first = rest.first {
            if rest.starts(with: pattern) {
                result += replacement
                rest.removeFirst(pattern.count)
            } else {
                result.append(first)
                rest.removeFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The text without spaces and tabs at its ends: the optional white space of RFC 9110, section 5.6.3.
    @inlinable package func trimmingBlanks() -> SubSequence {
        let bytes = Substring(self).utf8
        guard let first = bytes.firstIndex(where: { !$0.isBlank }),
            let last = bytes.lastIndex(where: { !$0.isBlank })
        else { return self[endIndex...] }
        return self[first..<bytes.index(after: last)]
    }

    /// The text without carriage returns and line feeds at its end.
    @inlinable package func trimmingLineEnd() -> SubSequence {
        let bytes = Substring(self).utf8
        let last = bytes.lastIndex { $0 != 0x0A && $0 != 0x0D }
        return self[..<(last.map(bytes.index(after:)) ?? startIndex)]
    }

    /// The text without any space or tab.
    @inlinable package func removingBlanks() -> String {
        String(decoding: utf8.filter { !$0.isBlank }, as: UTF8.self)
    }

    /// The text with `A` to `Z` in lower case and all else unchanged; `lowercased()` makes `k` of U+212A.
    @inlinable package func lowercasedASCII() -> String {
        String(decoding: utf8.map(\.lowercasedASCII), as: UTF8.self)
    }

    /// The text with `a` to `z` in upper case and all else unchanged.
    @inlinable package func uppercasedASCII() -> String {
        String(decoding: utf8.map(\.uppercasedASCII), as: UTF8.self)
    }
}

extension UInt8 {
    /// Space or tab.
    @inlinable package var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    /// `0` to `9`.
    @inlinable package var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// `a` to `z` or `A` to `Z`.
    @inlinable package var isASCIILetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }

    /// A hexadecimal digit of either case.
    @inlinable package var isHexDigit: Bool {
        isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }

    /// `A` to `Z` in lower case, all else unchanged.
    @inlinable package var lowercasedASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    /// `a` to `z` in upper case, all else unchanged.
    @inlinable package var uppercasedASCII: UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self & ~0x20 : self
    }
}
