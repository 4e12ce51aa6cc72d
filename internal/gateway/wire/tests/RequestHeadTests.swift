import NIOCore
import SoukHTTPWire
import Testing

@Suite struct RequestHeadTests {
    private func parse(_ wire: String) throws -> RequestHead {
        _ = requestOutcome(wire)
        return try #require(try parseRequest(wire))
    }

    private func parse(line: String, fields: String = "", version: String = "1.1") throws -> RequestHead {
        try parse("\(line) HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n")
    }

    @Test func tellsWhatIsWhere() throws {
        let wire =
            "POST /a/b?c=d?e HTTP/1.1\r\nHost: Shop.example:8080\r\nX-Odd:\t a  b \t\r\nempty:\r\n"
            + "content-LENGTH:12\r\n\r\n"
        let head = try parse(wire)
        #expect(head.method == .post)
        #expect(head.methodLength == 4)
        #expect(
            head.bytes.getString(at: Int(head.targetStart), length: Int(head.targetLength)) == "/a/b?c=d?e")
        #expect(head.path == "/a/b")
        #expect(head.origin == "/a/b?c=d?e")
        #expect(head.authority == "Shop.example:8080")
        #expect(head.minorVersion == 1)
        #expect(head.framing == .length(12))
        #expect(head.persists)
        #expect(!head.expectsContinue && !head.wantsWebSocket && !head.connectionNamesFields)
        #expect(head.pairs == ["Host=Shop.example:8080", "X-Odd=a  b", "empty=", "content-LENGTH=12"])
        #expect(head.fields.map(\.name) == [.host, .other, .other, .contentLength])
        #expect(String(buffer: head.bytes) == wire)
        #expect(head.first(.contentLength).map(head.text) == "12")
        #expect(head.first(.via) == nil)
        // Copied line by line, the head is what it was.
        let start = String(decoding: bytes(wire)[..<Int(head.fieldsStart)], as: UTF8.self)
        let lines = head.fields.map { field in
            head.bytes.getString(at: field.lineRange.lowerBound, length: field.lineRange.count) ?? ""
        }
        #expect(start + lines.joined() + "\r\n" == wire)
    }

    @Test func takesOneHeadAndLeavesTheRest() throws {
        var parser = RequestParser(limits: HeadLimits())
        var buffer = ByteBuffer(
            string: "\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3")
        #expect(try parser.parse(&buffer)?.path == "/1")
        let second = try #require(try parser.parse(&buffer))
        #expect(second.path == "/2")
        #expect(second.pairs == ["Host=b"])
        #expect(second.bytes.readerIndex == 0)
        #expect(try parser.parse(&buffer) == nil)
        #expect(String(buffer: buffer) == "GET /3")
    }

    @Test(arguments: [
        ("GET /", "/", "/"), ("GET /?", "/", "/?"), ("GET //a", "//a", "//a"),
        ("GET /a?b/c", "/a", "/a?b/c"), ("OPTIONS *", "*", "*"), ("OPTIONS /", "/", "/"),
        ("GET http://a/b?c", "/b", "/b?c"), ("GET HTTPS://A/b", "/b", "/b"), ("GET http://a", "/", "/"),
        ("GET http://a/", "/", "/"), ("GET /a|b\"<>[]{}^`\\", "/a|b\"<>[]{}^`\\", "/a|b\"<>[]{}^`\\"),
        ("GET /http://b/", "/http://b/", "/http://b/"),
    ])
    func targets(_ line: String, _ path: String, _ origin: String) throws {
        let head = try parse(line: line)
        #expect(head.path == path)
        #expect(head.origin == origin)
        #expect(head.authority?.lowercased() == "a")
    }

    @Test func authorityMayBeMissingInHTTP10() throws {
        #expect(try parse("GET / HTTP/1.0\r\n\r\n").authority == nil)
        #expect(try parse("GET http://b:1/ HTTP/1.0\r\n\r\n").authority == "b:1")
    }

    @Test(arguments: ["a", "A-1.b_c~", "a:1", "a:65535", "127.0.0.1:80", "[::1]", "[::ffff:1.2.3.4]:443"])
    func hosts(_ host: String) throws {
        #expect(try parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").authority == host)
    }

    @Test(arguments: RequestMethod.allCases.filter { $0 != .connect && $0 != .other })
    func methods(_ method: RequestMethod) throws {
        #expect(try parse(line: "\(method.name) /").method == method)
        #expect(try parse(line: "\(method.name.lowercased()) /").method == .other)
        #expect(try parse(line: "\(method.name)X /").method == .other)
    }

    @Test func knowsSafeAndIdempotentMethods() {
        #expect(RequestMethod.allCases.filter(\.isSafe) == [.get, .head, .options, .trace])
        #expect(
            RequestMethod.allCases.filter(\.isIdempotent) == [.get, .head, .put, .delete, .options, .trace])
        #expect(RequestMethod.other.name == "_OTHER")
    }

    @Test(arguments: [
        ("", BodyFraming.none), ("Content-Length: 0\r\n", .length(0)),
        ("Content-Length: 007\r\n", .length(7)),
        ("content-length:\t9223372036854775807 \r\n", .length(.max)),
        ("Transfer-Encoding: chunked\r\n", .chunked), ("transfer-ENCODING:\t ChUnKeD \t\r\n", .chunked),
        ("Content_Length: 5\r\nTransfer_Encoding: x\r\nX-Content-Length: 5\r\n", .none),
    ])
    func framing(_ fields: String, _ framing: BodyFraming) throws {
        #expect(try parse(line: "POST /", fields: fields).framing == framing)
    }

    // RFC 9112, section 9.3.
    @Test(arguments: [
        ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\n", true), ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true), ("1.0", "Connection: close, keep-alive\r\n", false),
        ("1.1", "Connection: a,, close ,\r\n", false),
        ("1.1", "Connection: a\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true), ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.0", "Keep-Alive: timeout=5\r\n", false), ("1.1", "Connection:\r\n", true),
    ])
    func persistence(_ version: String, _ fields: String, _ persists: Bool) throws {
        #expect(try parse(line: "GET /", fields: fields, version: version).persists == persists)
    }

    // RFC 9110, section 10.1.1.
    @Test(arguments: [
        ("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n", true),
        ("1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", true),
        ("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", false),
        ("1.1", "Expect: 100-continue\r\n", false),
        ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", false),
        ("1.1", "Expect: x\r\nContent-Length: 1\r\n", false),
    ])
    func expectations(_ version: String, _ fields: String, _ expects: Bool) throws {
        #expect(try parse(line: "PUT /", fields: fields, version: version).expectsContinue == expects)
    }

    // RFC 6455, section 4.1.
    @Test(arguments: [
        ("GET", "1.1", "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n", true),
        ("POST", "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false),
        ("GET", "1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false),
        ("GET", "1.1", "Upgrade: websocket\r\n", false), ("GET", "1.1", "Connection: Upgrade\r\n", false),
        ("GET", "1.1", "Upgrade: h2c\r\nConnection: Upgrade\r\n", false),
        ("GET", "1.1", "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n", false),
        ("GET", "1.1", "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", false),
        ("GET", "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n", false),
        ("GET", "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n", false),
    ])
    func webSockets(_ method: String, _ version: String, _ fields: String, _ wants: Bool) throws {
        #expect(try parse(line: "\(method) /", fields: fields, version: version).wantsWebSocket == wants)
    }

    // RFC 9110, section 7.6.1.
    @Test func connectionNamesFields() throws {
        let head = try parse(
            line: "GET /",
            fields: "Connection: close, X-a ,te\r\nx-A: 1\r\nX-AB: 2\r\nTE: trailers\r\n"
                + "Via: v\r\nconnection: VIA\r\n")
        #expect(head.connectionNamesFields)
        #expect(head.fields.filter(head.isNamedInConnection).map(head.nameText) == ["x-A", "TE", "Via"])
        let plain = try parse(
            line: "GET /", fields: "Connection: TE, keep-alive, Upgrade, close\r\nTE: a\r\n")
        #expect(!plain.connectionNamesFields)
        #expect(plain.fields.filter(plain.isNamedInConnection).map(\.name) == [.te])
    }

    @Test func keepsTextOfAnyEncoding() throws {
        let head = try #require(
            try parseRequest([
                bytes("GET / HTTP/1.1\r\nHost: a\r\nA: "), [0x80, 0xff, 0x41],
                bytes("\tb\r\nB: \u{e9}\r\n\r\n"),
            ]))
        #expect(head.text(head.fields[1]) == "\u{fffd}\u{fffd}A\tb")
        #expect(head.text(head.fields[2]) == "\u{e9}")
    }
}
