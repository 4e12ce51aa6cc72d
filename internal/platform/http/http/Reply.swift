package import HTTPTypes
package import Hummingbird
import HummingbirdCore
import NIOCore
import SoukAPI
package import SoukPagination
import SoukText

/// The answer of a handler: status, header fields and a whole body.
package struct Reply: ResponseGenerator, Sendable {
    /// The status.
    package let status: HTTPResponse.Status
    /// All header fields but `Content-Length`.
    package var headers: HTTPFields
    /// The body; empty for none.
    package let body: [UInt8]
    /// What the response is about, for ``Idempotency`` to read it again: the id of a thing that the request's path does not
    /// name.
    package private(set) var subject = ""
    /// Whether the request left everything as it was; then its idempotency key keeps nothing.
    package private(set) var changedNothing = false

    /// An answer of these parts.
    package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// 200 with `data` in an envelope; `version` becomes the `ETag`.
    package static func ok(
        _ data: some Encodable & Sendable, version: Int? = nil, headers: HTTPFields = [:]
    ) throws -> Reply {
        try envelope(.ok, data, version: version, headers: headers)
    }

    /// 201 with `data` in an envelope and the path of the new thing.
    package static func created(
        _ data: some Encodable & Sendable, location: String, version: Int? = nil, headers: HTTPFields = [:]
    ) throws -> Reply {
        var reply = try envelope(.created, data, version: version, headers: headers)
        reply.headers[.location] = location
        return reply
    }

    /// 202 with `data` in an envelope: begun, not finished.
    package static func accepted(_ data: some Encodable & Sendable, headers: HTTPFields = [:]) throws -> Reply
    {
        try envelope(.accepted, data, version: nil, headers: headers)
    }

    /// 204.
    package static var noContent: Reply { Reply(status: .noContent) }

    /// 200 with the items, and where the page stands in `meta`.
    package static func page(_ page: Page<some Encodable & Sendable>, headers: HTTPFields = [:]) throws
        -> Reply
    {
        try json(.ok, Envelope(data: page.items, meta: Meta(page)), headers: headers)
    }

    /// 200 with the items, and the next cursor in `meta`.
    package static func cursorPage(
        _ page: CursorPage<some Encodable & Sendable>, headers: HTTPFields = [:]
    ) throws -> Reply {
        try json(.ok, Envelope(data: page.items, meta: Meta(page)), headers: headers)
    }

    /// The same response, about the thing with this id.
    package func about(_ id: some CustomStringConvertible) -> Reply {
        var reply = self
        reply.subject = id.description
        return reply
    }

    /// The same response, of a request that changed something or nothing.
    package func changing(_ something: Bool) -> Reply {
        var reply = self
        reply.changedNothing = !something
        return reply
    }

    /// Any value as JSON, without an envelope.
    package static func json(
        _ status: HTTPResponse.Status, _ value: some Encodable, headers: HTTPFields = [:]
    ) throws -> Reply {
        var reply = Reply(status: status, headers: headers, body: try JSONCoding.encode(value))
        reply.headers[.contentType] = "application/json"
        return reply
    }

    /// A page for people: no scripts, own inline styles, forms back to this origin only, kept by no cache, unless `headers` says
    /// otherwise.
    package static func html(
        _ text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Reply {
        var reply = Reply(status: status, headers: headers, body: Array(text.utf8))
        reply.headers[.contentType] = "text/html; charset=utf-8"
        if reply.headers[.cacheControl] == nil { reply.headers[.cacheControl] = "no-store" }
        if reply.headers[.contentSecurityPolicy] == nil {
            reply.headers[.contentSecurityPolicy] =
                "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
                + "base-uri 'none'; frame-ancestors 'none'"
        }
        return reply
    }

    /// 303: look there with GET.
    package static func seeOther(_ location: String) -> Reply {
        Reply(status: .seeOther, headers: HTTPFields(.location, location))
    }

    /// The response. A GET whose `If-None-Match` names the answer's `ETag` gets 304 instead (RFC 9110, section 13.1.2).
    package func response(from request: Request, context: some RequestContext) throws -> Response {
        if status == .ok, request.method == .get || request.method == .head, let tag = headers[.eTag],
            EntityTag.matches(request.headers[.ifNoneMatch], tag)
        {
            return Response(status: .notModified, headers: HTTPFields(.eTag, tag))
        }
        return response
    }

    /// The response as it stands, whatever was asked.
    package var response: Response {
        guard !body.isEmpty else { return Response(status: status, headers: headers) }
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func envelope(
        _ status: HTTPResponse.Status, _ data: some Encodable & Sendable, version: Int?, headers: HTTPFields
    ) throws -> Reply {
        var reply = try json(status, Envelope(data: data), headers: headers)
        if let version { reply.headers[.eTag] = EntityTag.text(version) }
        return reply
    }
}

/// Entity tags: the version of a thing in quotes.
enum EntityTag {
    static func text(_ version: Int) -> String { "\"\(version)\"" }

    /// The version a strong tag names; `nil` when it is none of ours.
    static func version(_ tag: some StringProtocol) -> Int? {
        let parts = tag.split(byte: "\"", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty, parts[2].isEmpty, parts[1].utf8.allSatisfy(\.isASCIIDigit)
        else { return nil }
        return Int(parts[1])
    }

    /// Weak comparison with a list of tags, or `*`.
    static func matches(_ field: String?, _ tag: String) -> Bool {
        guard let field else { return false }
        return field.split(byte: ",").contains { item in
            let item = item.trimmingBlanks()
            return (item.withoutPrefix(bytes: "W/") ?? item).equals(bytes: tag) || item.equals(bytes: "*")
        }
    }
}
