/// Where ZERO WIDTH JOINER and NON-JOINER change what is read: the rules of RFC 5892, appendix A, and emoji sequences (UTS #51).
enum Joiners {
    /// Whether the joiner between these two is needed.
    static func isNeeded(
        _ joiner: Unicode.Scalar, between before: Unicode.Scalar?, and after: Unicode.Scalar?
    ) -> Bool {
        guard let before else { return false }
        // After a virama it shapes the syllable, whatever follows.
        if before.properties.canonicalCombiningClass == virama, isJoining(before) { return true }
        guard let after else { return false }
        if isJoining(before), isJoining(after) { return true }
        return joiner.value == 0x200D && isPictographEnd(before) && isPictograph(after)
    }

    /// Whether a tag may follow this one: a black flag, or a tag that is not the last.
    static func continuesFlag(_ before: Unicode.Scalar) -> Bool {
        before.value == 0x1F3F4 || (0xE0020...0xE007E).contains(before.value)
    }

    private static let virama = Unicode.CanonicalCombiningClass(rawValue: 9)

    /// Letters and marks of scripts that are written with joiners: Arabic, Syriac, N'Ko, Mandaic, those of India and Sri Lanka,
    /// Myanmar, Khmer, Mongolian.
    private static func isJoining(_ scalar: Unicode.Scalar) -> Bool {
        let isOfScript =
            switch scalar.value {
            case 0x0600...0x07FF, 0x0840...0x0DFF, 0x1000...0x109F, 0x1780...0x18AF, 0xA9E0...0xA9FF,
                0xAA60...0xAA7F, 0x11000...0x1147F:
                true
            default: false
            }
        guard isOfScript else { return false }
        return switch scalar.properties.generalCategory {
        case .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark: true
        default: false
        }
    }

    private static func isPictograph(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isEmoji && scalar.value > 0xFF
    }

    /// A pictograph, with its skin tone or variation selector after it.
    private static func isPictographEnd(_ scalar: Unicode.Scalar) -> Bool {
        isPictograph(scalar) || scalar.value == 0xFE0F
    }
}
