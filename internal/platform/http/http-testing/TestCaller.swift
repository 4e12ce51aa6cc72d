package import HTTPTypes
import Hummingbird
import Logging
import NIOCore
package import SoukAuthToken
package import SoukHTTP
import Synchronization

/// Sends requests straight into a router, middlewares and all, without a socket.
package struct TestCaller: Sendable {
    private let responder: RouterResponder<SoukRequestContext>

    /// Calls the routes that `register` adds to a router of their own.
    package init(
        verifier: any TokenVerifier = PlainTokens(), accounts: (any AccountGuard)? = nil,
        options: HTTPOptions = HTTPOptions(), extra: [SoukMiddleware] = [], register: (Routes) -> Void
    ) {
        let web = WebRouter(verifier: verifier, accounts: accounts, options: options, extra: extra)
        register(web.routes)
        responder = web.buildResponder()
    }

    /// What the request comes back with.
    ///
    /// - Parameters:
    ///   - path: With its query, encoded.
    ///   - token: The access token; none is sent for nil.
    ///   - body: In `mediaType`, unless `headers` name another; that of nil is not told.
    ///   - address: Who is at the other end of the socket that isn't there.
    package func send(
        _ method: HTTPRequest.Method, _ path: String, as token: String? = nil, body: String? = nil,
        mediaType: String? = "application/json", headers: HTTPFields = [:],
        from address: String = "203.0.113.1"
    ) async throws -> Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if let body {
            headers[.contentLength] = String(body.utf8.count)
            headers[.contentType] = headers[.contentType] ?? mediaType
        }
        let head = HTTPRequest(
            method: method, scheme: "http", authority: "localhost", path: path, headerFields: headers)
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body ?? "")))
        let context = SoukRequestContext(logger: Logger(label: "test"), peerAddress: address)
        let response = try await responder.respond(to: request, context: context)
        let collector = BodyCollector()
        try await response.body.write(collector)
        return Answer(status: response.status.code, headers: response.headers, body: collector.text)
    }
}

private final class BodyCollector: ResponseBodyWriter, Sendable {
    private let bytes = Mutex<[UInt8]>([])

    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    func write(_ buffer: ByteBuffer) async throws {
        bytes.withLock { $0 += buffer.readableBytesView }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
