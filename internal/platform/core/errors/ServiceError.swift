/// An error for which no type of its own is worth having.
package struct ServiceError: SoukError, Hashable {
    package let kind: ErrorKind
    package let code: String
    package let message: String
    package let detail: String?
    package let retryAfter: Duration?

    /// `message` is public; `detail` goes to the log only.
    package init(
        _ kind: ErrorKind, code: String, message: String, detail: String? = nil, retryAfter: Duration? = nil
    ) {
        self.kind = kind
        self.code = code
        self.message = message
        self.detail = detail
        self.retryAfter = retryAfter
    }
}

extension ServiceError: CustomStringConvertible {
    /// Same as ``SoukError/logDescription``.
    package var description: String { logDescription }
}
