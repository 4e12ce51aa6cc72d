import NIOCore
import SoukHTTPWire
import Testing

/// Raw requests that must be refused, and as what.
struct Refusal: Sendable, CustomTestStringConvertible {
    enum Status: Int, Sendable {
        case badRequest = 400, targetTooLong = 414, fieldsTooLarge = 431, notImplemented = 501, version = 505
    }

    let wire: String
    let status: Status

    init(_ wire: String, _ status: Status = .badRequest) {
        self.wire = wire
        self.status = status
    }

    var testDescription: String { wire.debugDescription }

    /// A request that is right but for these field lines.
    static func fields(_ lines: String, _ status: Status = .badRequest) -> Refusal {
        Refusal("POST /a HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", status)
    }

    /// A request that is right but for its request line.
    static func line(_ line: String, _ status: Status = .badRequest) -> Refusal {
        Refusal("\(line)\r\nHost: a\r\n\r\n", status)
    }

    static func host(_ host: String) -> Refusal { Refusal("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") }
}

extension WireError {
    var status: Int {
        switch self {
        case .badRequest: 400
        case .targetTooLong: 414
        case .fieldsTooLarge: 431
        case .notImplemented: 501
        case .badResponse: 502
        case .versionNotSupported: 505
        }
    }
}

@Suite struct RequestRefusalTests {
    private func expectRefused(_ refusal: Refusal) {
        guard case .failure(let error) = requestOutcome(refusal.wire) else {
            Issue.record("taken: \(refusal.testDescription)")
            return
        }
        #expect(error.status == refusal.status.rawValue, "\(error)")
    }

    /// What the tables change is what makes the difference.
    @Test(arguments: [
        Refusal.fields("Content-Length: 5"), .fields("Transfer-Encoding: chunked"), .line("GET /a HTTP/1.1"),
        .line("GET /a HTTP/1.0"), .host("a"),
    ])
    func takesWhatTheTablesStartFrom(_ base: Refusal) throws {
        #expect(try parseRequest(base.wire) != nil)
    }

    // RFC 9112, sections 6.1, 6.3 and 11.2.
    @Test(arguments: [
        Refusal.fields("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        .fields("Transfer-Encoding: chunked\r\nContent-Length: 5"),
        .fields("Transfer-Encoding: chunked\r\nContent-Length: 0"),
        .fields("Content-Length: 5\r\nContent-Length: 5"), .fields("Content-Length: 5\r\ncontent-length: 6"),
        .fields("Content-Length: 5\r\nA: b\r\nContent-Length: 0"),
        .fields("Content-Length: 5, 5"), .fields("Content-Length: 5,"), .fields("Content-Length: ,5"),
        .fields("Content-Length: +5"), .fields("Content-Length: -5"), .fields("Content-Length: -0"),
        .fields("Content-Length:"), .fields("Content-Length: "), .fields("Content-Length: 5 5"),
        .fields("Content-Length: 0x5"), .fields("Content-Length: 5a"), .fields("Content-Length: 5.0"),
        .fields("Content-Length: 5;"), .fields("Content-Length: \"5\""), .fields("Content-Length: 1e3"),
        .fields("Content-Length: 1_000"), .fields("Content-Length: \u{0665}"),
        .fields("Content-Length: 9223372036854775808"), .fields("Content-Length: 18446744073709551621"),
        .fields("Content-Length: 99999999999999999999999999"),
        .fields("Content-Length: 00000000000000000005"),
    ])
    func contentLength(_ refusal: Refusal) { expectRefused(refusal) }

    @Test(arguments: [
        Refusal.fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        .fields("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", .notImplemented),
        .fields("Transfer-Encoding: chunked, identity"), .fields("Transfer-Encoding: chunked, chunked"),
        .fields("Transfer-Encoding: chunked,"), .fields("Transfer-Encoding: ,chunked"),
        .fields("Transfer-Encoding: chunked;x"), .fields("Transfer-Encoding: chunked;q=1"),
        .fields("Transfer-Encoding: \"chunked\""), .fields("Transfer-Encoding: 'chunked'", .notImplemented),
        .fields("Transfer-Encoding: chunked chunked"), .fields("Transfer-Encoding: ch\tunked"),
        .fields("Transfer-Encoding:"), .fields("Transfer-Encoding: \u{0b}chunked"),
        .fields("Transfer-Encoding: chunked\u{0c}"), .fields("Transfer-Encoding: chunked\u{0}"),
        .fields("Transfer-Encoding: chunked\u{a0}"), .fields("Transfer-Encoding:\r\n chunked"),
        .fields("Transfer-Encoding: chunked\r\n identity"),
        .fields("Transfer-Encoding : chunked"), .fields("Transfer-Encoding\t: chunked"),
        .fields("Transfer-Encoding: xchunked", .notImplemented),
        .fields("Transfer-Encoding: chunkedx", .notImplemented),
        .fields("Transfer-Encoding: identity", .notImplemented),
        .fields("Transfer-Encoding: gzip, chunked", .notImplemented),
        .fields("Transfer-Encoding: chunked, gzip, chunked"), .fields("Transfer-Encoding: gzip, deflate"),
        Refusal("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ])
    func transferEncoding(_ refusal: Refusal) { expectRefused(refusal) }

    // RFC 9112, section 5; RFC 9110, sections 5.5 and 7.6.1.
    @Test(arguments: [
        Refusal.fields("A : b"), .fields("A\t: b"), .fields(" A: b"), .fields("\tA: b"),
        .fields("A: b\r\n c"), .fields("A: b\r\n\tc"), .fields("A: b\r\n "), .fields(": b"), .fields("A"),
        .fields("A b: c"), .fields("A(b): c"), .fields("A\u{e9}: c"), .fields("A\u{0}: c"),
        .fields("A: b\nC: d"), .fields("A: b\rC: d"), .fields("A: b\r\r"), .fields("A: b\n"),
        .fields("A: \u{0}"), .fields("A: b\u{0}c"), .fields("A: \u{7f}"), .fields("A: \u{1b}[0m"),
        .fields("A: 0123456789\u{1}"), .fields("A: 01234567\u{7f}89012345678"),
        .fields("\u{0}"), .fields("Connection: close;x"), .fields("Connection: clo se"),
        .fields("Connection: Content-Length\r\nContent-Length: 5"), .fields("Connection: close, host"),
        .fields("Connection: transfer-encoding\r\nTransfer-Encoding: chunked"),
        Refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), Refusal("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        Refusal("GET / HTTP/1.1\nHost: a\r\n\r\n"), Refusal("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Refusal("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"), Refusal("GET / HTTP/1.1\r\rHost: a\r\n\r\n"),
    ])
    func fieldLines(_ refusal: Refusal) { expectRefused(refusal) }

    // RFC 9112, sections 2.2, 2.3 and 3.
    @Test(arguments: [
        Refusal.line("GET  /a HTTP/1.1"), .line("GET /a  HTTP/1.1"), .line(" GET /a HTTP/1.1"),
        .line("GET /a HTTP/1.1 "), .line("GET\t/a HTTP/1.1"), .line("GET /a\tHTTP/1.1"), .line("GET"),
        .line("GET "), .line("GET /a "), .line("G\u{e9}T /a HTTP/1.1"), .line("G(T /a HTTP/1.1"),
        .line("GET /a b HTTP/1.1"), .line("GET /a\u{b}b HTTP/1.1"), .line("GET /\u{7f} HTTP/1.1"),
        .line("GET /\u{e9} HTTP/1.1"), .line("GET /a#b HTTP/1.1"), .line("GET # HTTP/1.1"),
        .line("GET a HTTP/1.1"), .line("GET * HTTP/1.1"), .line("OPTIONS ** HTTP/1.1"),
        .line("OPTIONS */a HTTP/1.1"), .line("GET ?a HTTP/1.1"), .line("GET a:80 HTTP/1.1"),
        .line("CONNECT a:80 HTTP/1.1"), .line("CONNECT / HTTP/1.1"), .line("CONNECT http://a/ HTTP/1.1"),
        .line("GET ftp://a/ HTTP/1.1"), .line("GET http:/a/ HTTP/1.1"), .line("GET http:// HTTP/1.1"),
        .line("GET http:///a HTTP/1.1"), .line("GET http://u@a/ HTTP/1.1"),
        .line("GET http://a?b HTTP/1.1"), .line("GET http://a:b/ HTTP/1.1"), .line("GET http://b/ HTTP/1.1"),
        .line("GET http://a:80/ HTTP/1.1"), .line("OPTIONS http://a HTTP/1.1"),
        .line("GET httpss://a/ HTTP/1.1"), .line("\(String(repeating: "G", count: 33)) / HTTP/1.1"),
        .line("GET /a http/1.1"), .line("GET /a HTTP/1"), .line("GET /a HTTP/11"), .line("GET /a HTTP/1.1.1"),
        .line("GET /a HTTP/01.1"), .line("GET /a HTTP/1.10"), .line("GET /a HTTP/ 1.1"),
        .line("GET /a HTTP/a.b"), .line("GET /a HTTPS/1.1"), .line("GET /a XTTP/1.1"),
        .line("GET /a HTTP/0.9", .version), .line("GET /a HTTP/2.0", .version),
        .line("GET /a HTTP/1.2", .version), .line("GET /a HTTP/1.9", .version), .line("GET /a", .version),
        .line("PRI * HTTP/2.0", .version), Refusal("\u{16}\u{3}\u{1}"), Refusal("\u{0}"), Refusal("\n"),
        Refusal("\r\r"), Refusal("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ])
    func requestLine(_ refusal: Refusal) { expectRefused(refusal) }

    // RFC 9112, section 3.2; RFC 9110, section 7.2.
    @Test(arguments: [
        Refusal("GET / HTTP/1.1\r\n\r\n"), Refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Refusal("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
        Refusal("GET / HTTP/1.0\r\nHost: a/\r\n\r\n"),
        Refusal("GET http://a/ HTTP/1.1\r\n\r\n"), Refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        .host(""), .host("a b"), .host("a, b"), .host("a@b"), .host("a/b"), .host("a?b"), .host("a#b"),
        .host("a\\b"), .host("http://a"), .host("a:"), .host("a:80x"), .host("a:123456"), .host("a:80:80"),
        .host(":80"), .host("a%2fb"), .host("\u{e9}"), .host("[::1"), .host("[]"), .host("[g]"),
        .host("[::1]x"), .host("::1"), .host("a\tb"), .host("a\"b"), .host("a<b"), .host("a;b"),
    ])
    func host(_ refusal: Refusal) { expectRefused(refusal) }

    /// A refused connection stays refused, whatever comes.
    @Test func throwsTheSameAgain() {
        let fault = WireError.badRequest("A line ends in LF without CR.")
        var parser = RequestParser(limits: HeadLimits())
        for wire in ["GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""] {
            var buffer = ByteBuffer(string: wire)
            #expect(throws: fault) { try parser.parse(&buffer) }
        }
    }
}
