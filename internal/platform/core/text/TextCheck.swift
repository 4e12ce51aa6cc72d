/// What text for people may consist of, by the general categories of Unicode.
package enum TextCheck {
    /// Why a text is refused.
    package enum Fault: Sendable, Hashable {
        /// A control character.
        case control
        /// A line or paragraph separator where one line is asked for.
        case lineBreak
        /// A character that turns the direction of writing where none may, or one that is not closed.
        case direction
        /// A format character that shows nothing (category Cf), or a joiner where no script needs one.
        case invisible
        /// A character that is unassigned, for private use or no character at all.
        case unassigned
        /// A combining mark with nothing before it.
        case loneMark
        /// More than ``maxMarks`` combining marks on one character.
        case tooManyMarks
        /// White space at an end.
        case spaceAtEnd
        /// Nothing that can be seen.
        case blank
    }

    /// Most combining marks after one character. Scripts use up to five.
    package static let maxMarks = 8

    /// What is wrong with a name, a title or any other text of one line; `nil` when nothing is.
    ///
    /// An empty text is fine: how long it must be is another rule.
    package static func line(_ text: String) -> Fault? {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.first, let last = scalars.last else { return nil }
        for (index, scalar) in scalars.enumerated() {
            switch scalar.properties.generalCategory {
            case .control: return .control
            case .lineSeparator, .paragraphSeparator: return .lineBreak
            case .format where scalar.isDirection: return .direction
            case .format where !isJoined(scalars, at: index): return .invisible
            case .privateUse, .unassigned, .surrogate: return .unassigned
            default: break
            }
        }
        if let fault = marks(scalars) { return fault }
        if first.properties.isWhitespace || last.properties.isWhitespace { return .spaceAtEnd }
        return scalars.contains(where: \.isVisible) ? nil : .blank
    }

    /// What is wrong with a text of many lines; `nil` when nothing is.
    ///
    /// Tabs, line ends and characters of direction are fine, the latter if each paragraph closes what it opens.
    package static func paragraphs(_ text: String) -> Fault? {
        let scalars = Array(text.unicodeScalars)
        var direction = DirectionStack()
        for (index, scalar) in scalars.enumerated() {
            switch scalar.properties.generalCategory {
            case .control where scalar != "\n" && scalar != "\t" && scalar != "\r": return .control
            case .control where scalar != "\t", .paragraphSeparator:
                guard direction.isBalanced else { return .direction }
            case .format where scalar.isDirection:
                guard direction.take(scalar) else { return .direction }
            case .format where !isJoined(scalars, at: index): return .invisible
            case .privateUse, .unassigned, .surrogate: return .unassigned
            default: break
            }
        }
        return direction.isBalanced ? marks(scalars) : .direction
    }

    private static func marks(_ scalars: [Unicode.Scalar]) -> Fault? {
        if scalars.first?.isMark == true { return .loneMark }
        var count = 0
        for scalar in scalars {
            count = scalar.isMark ? count + 1 : 0
            if count > maxMarks { return .tooManyMarks }
        }
        return nil
    }

    /// Whether the format character at the index is one that its neighbours need.
    private static func isJoined(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        let before = index > 0 ? scalars[index - 1] : nil
        let after = index + 1 < scalars.count ? scalars[index + 1] : nil
        return switch scalars[index].value {
        case 0x200C, 0x200D: Joiners.isNeeded(scalars[index], between: before, and: after)
        case 0xE0020...0xE007F: before.map(Joiners.continuesFlag) ?? false
        default: false
        }
    }
}

/// The embeddings, overrides and isolates that are open (UAX #9).
private struct DirectionStack {
    private var open: [Bool] = []

    var isBalanced: Bool { open.isEmpty }

    /// False when the scalar closes what is not open.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x202A, 0x202B, 0x202D, 0x202E: open.append(false)
        case 0x2066...0x2068: open.append(true)
        case 0x202C: return open.popLast() == false
        case 0x2069: return open.popLast() == true
        default: break
        }
        return true
    }
}

extension Unicode.Scalar {
    fileprivate var isDirection: Bool {
        switch value {
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    fileprivate var isMark: Bool {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .spacingMark: true
        default: false
        }
    }

    /// Whether it shows something by itself. U+2800 is an empty pattern of Braille.
    fileprivate var isVisible: Bool {
        !isMark && !isHidden && !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint
            && value != 0x2800
    }
}
