/// An error that knows its kind, its stable code, and what may be said about it in public.
package protocol SoukError: Error, Sendable {
    /// Decides status codes and retries.
    var kind: ErrorKind { get }
    /// Stable, dotted, lower-case, for programs: `stock.insufficient`.
    var code: String { get }
    /// One sentence that anybody may read.
    var message: String { get }
    /// More, for the log only; `nil` when there is nothing to add. Never a secret.
    var detail: String? { get }
    /// What is wrong with which field of the request; empty when no single field is to blame.
    var fieldErrors: [FieldError] { get }
    /// How long to wait before trying again; `nil` when unknown.
    var retryAfter: Duration? { get }
}

extension SoukError {
    package var detail: String? { nil }
    package var fieldErrors: [FieldError] { [] }
    package var retryAfter: Duration? { nil }

    /// Code, message and detail in one line, for logs.
    package var logDescription: String {
        let fields = fieldErrors.map { "\($0.field): \($0.code)" }.joined(separator: ", ")
        return [
            "\(code): \(message)", detail.map { "(\($0))" }, fields.isEmpty ? nil : "[\(fields)]",
        ].compactMap { $0 }.joined(separator: " ")
    }
}

/// What is wrong with one field of a request.
package struct FieldError: Sendable, Hashable, Codable {
    /// Path of the field as the client wrote it: `lines[2].quantity`.
    package let field: String
    /// Stable and lower-case: `required`, `too_long`.
    package let code: String
    /// One sentence that anybody may read.
    package let message: String

    /// Field, code and message as given.
    package init(field: String, code: String, message: String) {
        self.field = field
        self.code = code
        self.message = message
    }
}
