package import HTTPTypes

extension HTTPField.Name {
    /// `X-Request-Id`.
    package static let requestID = named("X-Request-Id")
    /// `X-Forwarded-For`.
    package static let forwardedFor = named("X-Forwarded-For")
    /// `Idempotency-Key`.
    package static let idempotencyKey = named("Idempotency-Key")
    /// `Idempotency-Replayed`.
    package static let idempotencyReplayed = named("Idempotency-Replayed")
    /// `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
    package static let rateLimit = named("RateLimit")
    /// `RateLimit-Policy` of the same draft.
    package static let rateLimitPolicy = named("RateLimit-Policy")
    static let frameOptions = named("X-Frame-Options")
    static let referrerPolicy = named("Referrer-Policy")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
        return name
    }
}

extension HTTPFields {
    /// Fields with one of them.
    package init(_ name: HTTPField.Name, _ value: String) {
        self.init()
        self[name] = value
    }
}
