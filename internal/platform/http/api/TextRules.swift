import SoukText

/// Forms that strings of requests may be held to.
package enum TextRules {
    /// Whether the text is a plain address: `local@domain` in ASCII, no quoting, no comments.
    ///
    /// The local part is an RFC 5321 dot-string of at most 64 bytes; the domain has at least two labels.
    package static func isEmail(_ text: String) -> Bool {
        MailText.isAddress(text)
    }

    /// Whether the text is an absolute `http` or `https` URL of at most 2048 bytes whose host may be on the public internet, as
    /// ``SoukText/WebURL`` reads it.
    package static func isWebURL(_ text: String) -> Bool {
        text.utf8.count <= 2_048 && WebURL(text)?.isPublic == true
    }

    /// Whether the text is lower-case ASCII letters, digits and single hyphens between them.
    package static func isSlug(_ text: String) -> Bool {
        text.split(byte: "-", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { $0.isASCIIDigit || $0.isASCIILetter && $0 == $0.lowercasedASCII }
        }
    }

    /// What is wrong with the characters of the text; `nil` when nothing is.
    static func complaint(about value: String, as text: FieldReader.Text) -> String? {
        switch text {
        case .opaque:
            return value.utf8.contains(0) ? "The value must not contain NUL." : nil
        case .paragraphs:
            guard let fault = TextCheck.paragraphs(value) else { return nil }
            return switch fault {
            case .control: "The value must not contain control characters other than newline and tab."
            case .direction:
                "The value must close every direction of writing that it opens, in the same paragraph."
            default: complaint(about: fault)
            }
        case .line:
            return TextCheck.line(value).map(complaint)
        }
    }

    private static func complaint(about fault: TextCheck.Fault) -> String {
        switch fault {
        case .control: "The value must not contain control characters."
        case .lineBreak: "The value must be one line."
        case .direction: "The value must not contain characters that change the direction of writing."
        case .invisible: "The value must not contain invisible format characters."
        case .unassigned: "The value must not contain characters that Unicode does not assign."
        case .loneMark: "The value must not begin with a combining mark."
        case .tooManyMarks:
            "The value must not have more than \(TextCheck.maxMarks) combining marks on one character."
        case .spaceAtEnd: "The value must not begin or end with white space."
        case .blank: "The value must contain a visible character."
        }
    }
}
