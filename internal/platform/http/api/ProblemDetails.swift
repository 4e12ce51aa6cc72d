package import SoukErrors

/// An error answer, RFC 9457 `application/problem+json`.
package struct ProblemDetails: Sendable, Hashable, Codable {
    /// The media type of the answer.
    package static let mediaType = "application/problem+json"

    /// `urn:souk:problem:` and the code.
    package let type: String
    /// The status in words.
    package let title: String
    /// The HTTP status.
    package let status: Int
    /// One sentence about this case.
    package let detail: String?
    /// `urn:souk:request:` and the id of the request.
    package let instance: String?
    /// Stable, dotted, lower-case, for programs.
    package let code: String
    /// Finds the request in logs and traces.
    package let traceId: String?
    /// What is wrong with which field; left out when no field is to blame.
    package let errors: [FieldError]?

    /// A problem with these members; `type` follows from the code, `instance` from the request id.
    package init(
        status: Int, title: String, code: String, detail: String?, requestID: String?, traceID: String?,
        errors: [FieldError] = []
    ) {
        type = "urn:souk:problem:\(code)"
        self.title = title
        self.status = status
        self.detail = detail
        instance = requestID.map { "urn:souk:request:\($0)" }
        self.code = code
        traceId = traceID
        self.errors = errors.isEmpty ? nil : errors
    }
}
