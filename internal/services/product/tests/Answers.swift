import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SoukHTTP
import Synchronization

/// What a request came back with.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPFields
    let json: JSON

    var data: JSON { json["data"] }
    var code: String? { json["code"].string }
    var etag: String? { headers[.eTag] }
}

/// Sends requests straight into the responder, middlewares and all, without a socket.
struct TestCaller: Sendable {
    let responder: RouterResponder<SoukRequestContext>

    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String?, json: String?, headers: HTTPFields,
        from address: String
    ) async throws -> Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if let json {
            headers[.contentType] = "application/json"
            headers[.contentLength] = String(json.utf8.count)
        }
        let head = HTTPRequest(
            method: method, scheme: "http", authority: "localhost", path: path, headerFields: headers)
        let request = Request(head: head, body: .init(buffer: ByteBuffer(string: json ?? "")))
        let context = SoukRequestContext(logger: Logger(label: "test"), peerAddress: address)
        let response = try await responder.respond(to: request, context: context)
        let sink = BodySink()
        try await response.body.write(sink)
        return Answer(
            status: response.status.code, headers: response.headers, json: try JSON(parsing: sink.bytes))
    }
}

/// Collects the body of a response.
private final class BodySink: ResponseBodyWriter {
    private let buffer = Mutex<[UInt8]>([])

    var bytes: [UInt8] { buffer.withLock { $0 } }

    func write(_ part: ByteBuffer) async throws {
        buffer.withLock { $0 += Array(buffer: part) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
