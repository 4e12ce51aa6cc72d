import Foundation

/// JSON to be looked into: what isn't there is null, all the way down.
package enum JSON: Decodable, Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Parses a document; nil where it is none.
    package init?(_ text: String) {
        guard let value = try? JSONDecoder().decode(JSON.self, from: Data(text.utf8)) else { return nil }
        self = value
    }

    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    /// The member of an object.
    package subscript(key: String) -> JSON {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    /// The item of an array.
    package subscript(index: Int) -> JSON {
        if case .array(let items) = self, items.indices.contains(index) { items[index] } else { .null }
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number, if it is a whole one.
    package var int: Int? { if case .number(let value) = self { Int(exactly: value) } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The items of an array; none of anything else.
    package var items: [JSON] { if case .array(let items) = self { items } else { [] } }
    /// The names of an object's members; none of anything else.
    package var keys: Set<String> { if case .object(let members) = self { Set(members.keys) } else { [] } }

    /// A string, a number or a truth value as text.
    package var text: String? {
        switch self {
        case .string(let value): value
        case .bool(let value): "\(value)"
        case .number(let value): int.map { "\($0)" } ?? "\(value)"
        case .null, .array, .object: nil
        }
    }
}
