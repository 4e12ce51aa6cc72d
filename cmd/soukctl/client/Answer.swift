import Foundation

/// A successful answer: the bytes for `--json`, and what they say.
struct Answer: Sendable {
    let body: Data

    /// The `data` of the answer.
    func data<T: Decodable>(as type: T.Type = T.self) throws(Failure) -> T {
        try decode(Envelope<T>.self).data
    }

    /// A list and where it stands.
    func page<T: Decodable>(of type: T.Type = T.self) throws(Failure) -> (items: [T], meta: Meta) {
        let envelope = try decode(Envelope<[T]>.self)
        return (envelope.data, envelope.meta ?? Meta(page: nil, totalPages: nil, totalCount: nil))
    }

    /// A value without an envelope.
    func decode<T: Decodable>(_ type: T.Type = T.self) throws(Failure) -> T {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: body)
        } catch {
            throw Failure("the server's answer isn't understood; is it a Souk of this version?")
        }
    }

    private struct Envelope<T: Decodable>: Decodable {
        let data: T
        let meta: Meta?
    }
}

/// Where a page of a list stands.
struct Meta: Decodable, Sendable {
    let page: Int?
    let totalPages: Int?
    let totalCount: Int?
}

/// An error answer, RFC 9457.
struct Problem: Decodable, Sendable {
    struct Field: Decodable, Sendable {
        let field: String
        let message: String
    }

    let code: String?
    let title: String?
    let detail: String?
    let traceId: String?
    let errors: [Field]?

    /// What went wrong, in one line; 2 is the exit status of what the caller got wrong.
    func failure(status: UInt) -> Failure {
        var text = detail ?? title ?? "the server answered \(status)"
        for error in errors ?? [] { text += " \(error.field): \(error.message)" }
        if let code { text += " (\(code))" }
        if status >= 500, let traceId { text += " [trace \(traceId)]" }
        return Failure(text, status: status == 400 || status == 422 ? Failure.usage : 1)
    }
}
