import SoukErrors

/// A request body that reads its own fields.
///
/// The initializer asks the reader for every field it knows and never fails: the reader keeps the errors and hands out
/// neutral values, and the whole body is refused afterwards if there were any. Fields not asked for count as unknown.
///
/// Hummingbird has a type of this name: a file that imports it as well spells this one `SoukAPI.RequestBody`.
package protocol RequestBody: Sendable {
    /// Reads every known field.
    init(_ fields: FieldReader)
}

/// What came of a body: decoding itself only fails for text that is no JSON object.
struct ParsedBody<B: RequestBody>: Decodable {
    let outcome: Result<B, ValidationError>

    init(from decoder: any Decoder) throws {
        let problems = FieldProblems()
        let reader = FieldReader(
            container: try decoder.container(keyedBy: AnyKey.self), path: "", problems: problems)
        let body = B(reader)
        reader.reportUnknownFields()
        outcome = problems.error.map { .failure($0) } ?? .success(body)
    }
}

/// Any member name or index.
struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(_ name: String) {
        stringValue = name
        intValue = nil
    }

    init(stringValue: String) {
        self.init(stringValue)
    }

    init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}

/// The errors of one body, collected over all its nested objects.
final class FieldProblems {
    /// More than anybody reads; a hostile body must not make the answer huge.
    private static let limit = 100

    private var errors: [FieldError] = []
    private var isMalformed = false

    /// A value of the wrong type, or a field that does not exist.
    func malformed(_ field: String, code: String, _ message: String) {
        isMalformed = true
        append(field, code, message)
    }

    /// A value of the right type that breaks a rule.
    func broken(_ field: String, code: String, _ message: String) {
        append(field, code, message)
    }

    var error: ValidationError? {
        guard !errors.isEmpty else { return nil }
        return isMalformed ? .malformed(errors) : ValidationError(errors)
    }

    private func append(_ field: String, _ code: String, _ message: String) {
        guard errors.count < Self.limit else { return }
        errors.append(FieldError(field: field, code: code, message: message))
    }
}
