/// Reads the fields of one JSON object: records what is wrong and hands out neutral values instead of throwing.
///
/// Names are those of the JSON, in snake_case. `null` counts as absent, except to ``has(_:)``. Not for concurrent use;
/// valid only inside the initializer it was passed to.
package final class FieldReader {
    let container: KeyedDecodingContainer<AnyKey>
    let path: String
    let problems: FieldProblems
    private var known: Set<String> = []

    init(container: KeyedDecodingContainer<AnyKey>, path: String, problems: FieldProblems) {
        self.container = container
        self.path = path
        self.problems = problems
    }

    /// Whether the field was sent at all, be it as `null`.
    package func has(_ name: String) -> Bool {
        known.insert(name)
        return container.contains(AnyKey(name))
    }

    /// Records a rule that the value of a field breaks, for rules over several fields.
    package func fail(_ field: String, code: String, _ message: String) {
        problems.broken(pathOf(field), code: code, message)
    }

    /// A field that is true or false; `fallback` when absent.
    package func bool(_ name: String, default fallback: Bool) -> Bool {
        optionalBool(name) ?? fallback
    }

    /// A field that is true or false and must be sent.
    package func bool(_ name: String) -> Bool {
        required(name, optionalBool(name)) ?? false
    }

    /// A field that is true or false; `nil` when absent.
    package func optionalBool(_ name: String) -> Bool? {
        decode(name, as: Bool.self, called: "true or false")
    }

    // MARK: - For the other readers

    /// The field's full path: `lines[2].quantity`.
    func pathOf(_ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    /// Whether the field has a value; remembers that it is a known one.
    func isPresent(_ name: String) -> Bool {
        guard has(name) else { return false }
        // A key whose value can't be inspected is present, and reading it will say what is wrong.
        return (try? container.decodeNil(forKey: AnyKey(name))) != true
    }

    /// The value, `nil` when absent or of another type; the latter is recorded.
    func decode<T: Decodable>(_ name: String, as type: T.Type, called expectation: String) -> T? {
        guard isPresent(name) else { return nil }
        do {
            return try container.decode(type, forKey: AnyKey(name))
        } catch {
            wrongType(name, expected: expectation)
            return nil
        }
    }

    /// Passes the value through, and records a missing one. Says nothing when the field is there but was refused.
    func required<T>(_ name: String, _ value: T?) -> T? {
        if value == nil, !isPresent(name) {
            fail(name, code: "required", "The field is required.")
        }
        return value
    }

    func wrongType(_ name: String, expected: String) {
        problems.malformed(pathOf(name), code: "type", "The value must be \(expected).")
    }

    func reportUnknownFields() {
        for key in container.allKeys.map(\.stringValue).sorted() where !known.contains(key) {
            problems.malformed(pathOf(String(key.prefix(64))), code: "unknown", "There is no such field.")
        }
    }
}
