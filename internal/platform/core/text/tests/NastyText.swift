import SoukTesting

/// Texts made to mislead: every ASCII character beside scalars that merge with it, look like it, or turn into it in a normal form.
struct NastyText: Sequence, IteratorProtocol {
    private var generator: SeededGenerator
    private var left: Int

    /// The same texts for the same seed.
    init(seed: UInt64, count: Int) {
        generator = SeededGenerator(seed: seed)
        left = count
    }

    mutating func next() -> String? {
        guard left > 0 else { return nil }
        left -= 1
        var text = ""
        for _ in 0..<(1 + random(12)) {
            switch random(4) {
            case 0: text.unicodeScalars.append(Self.merging[random(Self.merging.count)])
            case 1: text.unicodeScalars.append(Self.lookAlikes[random(Self.lookAlikes.count)])
            default: text.unicodeScalars.append(Unicode.Scalar(UInt8(random(0x80))))
            }
        }
        return text
    }

    /// Prepend, Extend, joiners, variation selectors, enclosing marks.
    static let merging: [Unicode.Scalar] =
        (0x600...0x605).compactMap(Unicode.Scalar.init)
        + [
            "\u{6DD}", "\u{70F}", "\u{110BD}", "\u{301}", "\u{338}", "\u{200D}", "\u{200C}", "\u{FE0E}",
            "\u{FE0F}", "\u{E0101}", "\u{20DD}", "\u{903}", "\u{1F3FB}",
        ]

    /// Full width, canonical and compatibility equivalents of syntax, direction, separators, replacement, the last scalar.
    static let lookAlikes: [Unicode.Scalar] = [
        "\u{FF1C}", "\u{FF02}", "\u{FE64}", "\u{37E}", "\u{1FEF}", "\u{212A}", "\u{226E}", "\u{202E}",
        "\u{2066}",
        "\u{2028}", "\u{2029}", "\u{85}", "\u{A0}", "\u{FEFF}", "\u{FFFD}", "\u{10FFFF}", "é", "\u{1F600}",
    ]

    private mutating func random(_ bound: Int) -> Int {
        Int(generator.next() % UInt64(bound))
    }
}
