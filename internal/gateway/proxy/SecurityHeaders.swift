import HTTPTypes

/// What the gateway's own answers tell browsers, as those of the services do.
enum SecurityHeaders {
    static func added(to fields: HTTPFields) -> HTTPFields {
        var fields = fields
        fields[.xContentTypeOptions] = "nosniff"
        for (name, value) in others where fields[name] == nil { fields[name] = value }
        return fields
    }

    private static let others: [(HTTPField.Name, String)] = [
        ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}
