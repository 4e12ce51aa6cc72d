/// Values of a request that cannot be taken, field by field.
package struct ValidationError: SoukError, Hashable {
    package let kind: ErrorKind
    package let code: String
    package let message: String
    package let fieldErrors: [FieldError]

    /// Well-formed values that break a rule: 422 `validation.failed`.
    package init(_ errors: [FieldError]) {
        self.init(
            kind: .unprocessable, code: "validation.failed",
            message: "The request has values that are not allowed.", errors)
    }

    /// One well-formed value that breaks a rule: 422 `validation.failed`.
    package init(field: String, code: String, message: String) {
        self.init([FieldError(field: field, code: code, message: message)])
    }

    /// Values that are not of the expected form at all, as a page number `x`: 400 `request.invalid`.
    package static func malformed(_ errors: [FieldError]) -> ValidationError {
        ValidationError(
            kind: .invalid, code: "request.invalid", message: "The request could not be understood.", errors)
    }

    private init(kind: ErrorKind, code: String, message: String, _ errors: [FieldError]) {
        self.kind = kind
        self.code = code
        self.message = message
        fieldErrors = errors
    }
}
