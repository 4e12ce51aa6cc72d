package import HTTPTypes

/// What a request came back with.
package struct Answer: Sendable {
    package let status: Int
    package let headers: HTTPFields
    package let body: String
    /// The body to be looked into; null where it isn't JSON.
    package let json: JSON

    init(status: Int, headers: HTTPFields, body: String) {
        self.status = status
        self.headers = headers
        self.body = body
        json = JSON(body) ?? .null
    }

    /// What the envelope holds.
    package var data: JSON { json["data"] }
    /// The code of the problem.
    package var code: String? { json["code"].string }
    package var etag: String? { headers[.eTag] }

    /// The header field of that name.
    package func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }

    /// The value at a path such as `data.items.0.id`, as text; nil where there is none.
    package func text(_ path: String) -> String? {
        path.split(separator: ".").reduce(json) { value, step in
            Int(step).map { value[$0] } ?? value[String(step)]
        }.text
    }
}
