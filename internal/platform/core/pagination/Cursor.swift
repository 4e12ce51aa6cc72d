import Foundation
package import SoukErrors
import SoukText

/// A position in an ordered list: the sort fields of the last item seen.
///
/// Travels as base64url of a JSON array of strings. It is opaque to clients but not secret, and a client can
/// make one up: whoever decodes it must check the number and form of the fields.
package struct Cursor: Sendable, Hashable {
    /// Longest encoded form that is read.
    package static let maxEncodedLength = 2_048

    /// The sort fields, in order; the meaning is the list's own.
    package let fields: [String]

    /// The position after the item with these sort fields.
    package init(fields: [String]) {
        self.fields = fields
    }

    /// Reads the encoded form; `nil` when it is none, or longer than ``maxEncodedLength``.
    ///
    /// Only what ``encoded`` writes is taken (no padding, no other alphabet, no trailing bits), so equal
    /// cursors have equal text.
    package init?(encoded: String) {
        guard encoded.utf8.count <= Self.maxEncodedLength,
            encoded.utf8.allSatisfy(Self.isBase64URL)
        else { return nil }
        var base64 = encoded.replacing(bytes: "-", with: "+").replacing(bytes: "_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: base64),
            let fields = try? JSONDecoder().decode([String].self, from: data)
        else { return nil }
        self.fields = fields
        guard self.encoded == encoded else { return nil }
    }

    /// The text that clients send back.
    package var encoded: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // An array of strings has no value that JSON can't express.
        guard let data = try? encoder.encode(fields) else { preconditionFailure("strings encode as JSON") }
        return data.base64EncodedString()
            .replacing(bytes: "+", with: "-").replacing(bytes: "/", with: "_").replacing(bytes: "=", with: "")
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// How many items are wanted, and after which position.
package struct CursorRequest: Sendable, Hashable {
    /// Limits that may be asked for.
    package static let limits = 1...100
    /// The limit when none is asked for.
    package static let defaultLimit = 20

    /// Items wanted at most, 1...100.
    package let limit: Int
    /// The position to go on from; `nil` for the start of the list.
    package let after: Cursor?

    /// The start of the list, when nothing is said.
    ///
    /// Throws: `ValidationError` of kind `.invalid` naming `limit`.
    package init(limit: Int = CursorRequest.defaultLimit, after: Cursor? = nil) throws(ValidationError) {
        guard Self.limits.contains(limit) else {
            throw .malformed([
                FieldError(
                    field: "limit", code: "out_of_range",
                    message:
                        "Between \(Self.limits.lowerBound) and \(Self.limits.upperBound) items can be asked for."
                )
            ])
        }
        self.limit = limit
        self.after = after
    }
}

/// Some items of an ordered list, and where to go on.
package struct CursorPage<Item: Sendable>: Sendable {
    /// At most the limit asked for, in the order of the list.
    package let items: [Item]
    /// The position after the last item; `nil` at the end of the list.
    package let next: Cursor?

    /// Items as read from a store.
    package init(items: [Item], next: Cursor?) {
        self.items = items
        self.next = next
    }

    /// A page out of up to `limit + 1` items: the extra one only shows that there is more.
    package init(reading items: [Item], limit: Int, cursor: (Item) -> Cursor) {
        let kept = Array(items.prefix(limit))
        self.init(items: kept, next: items.count > limit ? kept.last.map(cursor) : nil)
    }

    /// The same page with every item transformed.
    package func map<U: Sendable>(_ transform: (Item) throws -> U) rethrows -> CursorPage<U> {
        CursorPage<U>(items: try items.map(transform), next: next)
    }
}

extension CursorPage: Equatable where Item: Equatable {}
