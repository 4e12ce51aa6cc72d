package import SoukIDs
package import SoukTime

extension FieldReader {
    /// Which characters a string may have, by the rules of ``SoukText/TextCheck``. None may have a NUL.
    package enum Text: Sendable {
        /// Text of many lines: newlines and tabs, but no other control characters and none that hide or reorder text.
        case paragraphs
        /// One line with something to see in it, no white space at either end, and no character that hides, reorders or piles up.
        /// For names, titles and labels.
        case line
        /// Any at all. For passwords and the like.
        case opaque
    }

    /// A required string of so many characters; empty when refused.
    ///
    /// It also takes at most four bytes per allowed character. `matching` returns what is wrong with the string, or `nil`.
    package func string(
        _ name: String, length: ClosedRange<Int> = 1...255, text: Text = .paragraphs,
        matching rule: ((String) -> String?)? = nil
    ) -> String {
        required(name, optionalString(name, length: length, text: text, matching: rule)) ?? ""
    }

    /// A string as ``string(_:length:text:matching:)``; `nil` when absent or refused.
    package func optionalString(
        _ name: String, length: ClosedRange<Int> = 1...255, text: Text = .paragraphs,
        matching rule: ((String) -> String?)? = nil
    ) -> String? {
        guard let value = decode(name, as: String.self, called: "a string") else { return nil }
        return checked(value, name, length: length, text: text, matching: rule)
    }

    /// A required e-mail address of at most 254 bytes, as ``TextRules/isEmail(_:)``; empty when refused.
    package func email(_ name: String) -> String {
        required(name, optionalEmail(name)) ?? ""
    }

    /// An e-mail address; `nil` when absent or refused.
    package func optionalEmail(_ name: String) -> String? {
        formatted(name, length: 3...254, "email", "an e-mail address", TextRules.isEmail)
    }

    /// A required absolute `http` or `https` URL of a public host and at most 2048 bytes; empty when refused.
    package func url(_ name: String) -> String {
        required(name, optionalURL(name)) ?? ""
    }

    /// A URL as ``url(_:)``; `nil` when absent or refused.
    package func optionalURL(_ name: String) -> String? {
        formatted(name, length: 8...2_048, "url", "an http or https URL of a public host", TextRules.isWebURL)
    }

    /// A required slug: lower-case letters, digits and single hyphens between them, at most 64; empty when refused.
    package func slug(_ name: String) -> String {
        required(name, optionalSlug(name)) ?? ""
    }

    /// A slug; `nil` when absent or refused.
    package func optionalSlug(_ name: String) -> String? {
        formatted(
            name, length: 1...64, "slug", "lower-case letters, digits and single hyphens", TextRules.isSlug)
    }

    /// A required identifier; a fresh one when refused.
    package func id<Tag>(_ name: String, as type: ID<Tag>.Type = ID<Tag>.self) -> ID<Tag> {
        required(name, optionalID(name, as: type)) ?? ID()
    }

    /// An identifier; `nil` when absent or refused.
    package func optionalID<Tag>(_ name: String, as type: ID<Tag>.Type = ID<Tag>.self) -> ID<Tag>? {
        guard let text = decode(name, as: String.self, called: "a string") else { return nil }
        guard let id = ID<Tag>(text) else {
            fail(name, code: "format", "The value must be a UUID.")
            return nil
        }
        return id
    }

    /// A required RFC 3339 time; `nil` when refused.
    package func timestamp(_ name: String) -> Timestamp? {
        required(name, optionalTimestamp(name))
    }

    /// An RFC 3339 time; `nil` when absent or refused.
    package func optionalTimestamp(_ name: String) -> Timestamp? {
        guard let text = decode(name, as: String.self, called: "a string") else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            fail(name, code: "format", "The value must be an RFC 3339 date-time.")
            return nil
        }
        return time
    }

    /// A required value out of a closed set; `nil` when refused.
    package func choice<T: RawRepresentable & CaseIterable>(_ name: String, as type: T.Type = T.self) -> T?
    where T.RawValue == String {
        required(name, optionalChoice(name, as: type))
    }

    /// A value out of a closed set; `nil` when absent or refused.
    package func optionalChoice<T: RawRepresentable & CaseIterable>(_ name: String, as type: T.Type = T.self)
        -> T?
    where T.RawValue == String {
        guard let text = decode(name, as: String.self, called: "a string") else { return nil }
        guard let value = T(rawValue: text) else {
            let all = T.allCases.map(\.rawValue).joined(separator: ", ")
            fail(name, code: "choice", "The value must be one of: \(all).")
            return nil
        }
        return value
    }

    private func formatted(
        _ name: String, length: ClosedRange<Int>, _ code: String, _ form: String, _ rule: (String) -> Bool
    ) -> String? {
        guard let value = optionalString(name, length: length, text: .line) else { return nil }
        guard rule(value) else {
            fail(name, code: code, "The value must be \(form).")
            return nil
        }
        return value
    }

    /// The string if it keeps all rules; `name` may carry an index: `tags[3]`.
    func checked(
        _ value: String, _ name: String, length: ClosedRange<Int>, text: Text,
        matching rule: ((String) -> String?)? = nil
    ) -> String? {
        // Bytes first: counting the characters of a huge string costs more than it is worth.
        let (bytes, overflow) = length.upperBound.multipliedReportingOverflow(by: 4)
        guard overflow || value.utf8.count <= bytes, length.contains(value.count) else {
            fail(name, code: "length", "The value must have \(Self.phrase(length)) characters.")
            return nil
        }
        if let complaint = TextRules.complaint(about: value, as: text) {
            fail(name, code: "characters", complaint)
            return nil
        }
        if let complaint = rule?(value) {
            fail(name, code: "format", complaint)
            return nil
        }
        return value
    }

    static func phrase(_ range: ClosedRange<Int>) -> String {
        if range.lowerBound == range.upperBound { return "exactly \(range.lowerBound)" }
        if range.upperBound == .max { return "at least \(range.lowerBound)" }
        return "\(range.lowerBound) to \(range.upperBound)"
    }
}
