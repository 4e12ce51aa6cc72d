import NIOCore
import SoukHTTPWire
import Testing

@Suite struct ResponseTests {
    private func parse(_ wire: String, to method: RequestMethod = .get) throws -> ResponseHead {
        _ = responseOutcome(wire, to: method)
        return try #require(try parseResponse([bytes(wire)], to: method))
    }

    @Test func tellsWhatIsWhere() throws {
        let wire = "HTTP/1.1 404 Not \u{e9} Found\r\nContent-Length: 3\r\nConnection: X-A\r\nx-a:  b\r\n\r\n"
        let head = try parse(wire)
        #expect(head.status == 404)
        #expect(
            head.bytes.getString(at: Int(head.reasonStart), length: Int(head.reasonLength))
                == "Not \u{e9} Found")
        #expect(head.minorVersion == 1)
        #expect(head.framing == .length(3))
        #expect(head.persists && head.connectionNamesFields)
        #expect(head.pairs == ["Content-Length=3", "Connection=X-A", "x-a=b"])
        #expect(head.fields.filter(head.isNamedInConnection).map(head.nameText) == ["x-a"])
        #expect(head.first(.contentLength).map(head.text) == "3")
        #expect(head.fieldsStart == head.fields[0].nameStart)
        #expect(String(buffer: head.bytes) == wire)
        #expect(try parse("HTTP/1.0 200 \r\n\r\n").reasonLength == 0)
    }

    @Test func interimHeadsComeOneByOne() throws {
        var parser = ResponseParser(limits: HeadLimits())
        var buffer = ByteBuffer(
            string: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        var heads: [ResponseHead] = []
        while let head = try parser.parse(&buffer, requestMethod: .post) {
            heads.append(head)
            if head.status >= 200 { break }
        }
        #expect(heads.map(\.status) == [100, 103, 200])
        #expect(heads.map(\.framing) == [.none, .none, .length(2)])
        #expect(heads.map(\.fields.count) == [0, 1, 1])
        #expect(String(buffer: buffer) == "hi")
    }

    // RFC 9112, sections 6.3 and 9.3.
    @Test(arguments: [
        (RequestMethod.get, "1.1 200", "Content-Length: 5\r\n", BodyFraming.length(5), true),
        (.get, "1.1 200", "Transfer-Encoding: Chunked\r\n", .chunked, true),
        (.get, "1.1 200", "", .untilClose, false), (.get, "1.1 500", "Date: x\r\n", .untilClose, false),
        (.get, "1.1 200", "Connection: keep-alive\r\n", .untilClose, false),
        (.get, "1.1 200", "Content-Length: 0\r\nConnection: close\r\n", .length(0), false),
        (.get, "1.0 200", "Content-Length: 5\r\n", .length(5), false),
        (.get, "1.0 200", "Content-Length: 5\r\nConnection: keep-alive\r\n", .length(5), true),
        (.head, "1.1 200", "Content-Length: 5\r\n", .none, true), (.head, "1.1 200", "", .none, true),
        (.head, "1.1 200", "Transfer-Encoding: chunked\r\n", .none, true),
        (.get, "1.1 304", "Content-Length: 5\r\n", .none, true),
        (.get, "1.1 304", "Transfer-Encoding: chunked\r\n", .none, true),
        (.get, "1.1 204", "", .none, true), (.get, "1.1 204", "Content-Length: 0\r\n", .none, true),
        (.get, "1.1 100", "", .none, true),
        (.get, "1.1 101", "Upgrade: websocket\r\nConnection: Upgrade\r\n", .none, false),
    ])
    func framing(
        _ method: RequestMethod, _ line: String, _ fields: String, _ framing: BodyFraming, _ persists: Bool
    ) throws {
        let head = try parse("HTTP/\(line) X\r\n\(fields)\r\n", to: method)
        #expect(head.framing == framing)
        #expect(head.persists == persists)
    }

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5", "Content-Length: +5", "Content-Length:", "Content-Length: 5 5",
        "Content-Length: 9223372036854775808", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked;x",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "A : b", "A: b\r\n c", " A: b",
        "A: b\nC: d", "A: b\rC: d", "A: \u{0}", "A: \u{1f}", ": b", "A", "A b: c",
        "Connection: content-length\r\nContent-Length: 5",
    ])
    func refusesFields(_ lines: String) {
        for method in [RequestMethod.get, .head] {
            expectBad("HTTP/1.1 200 OK\r\n\(lines)\r\n\r\n", method)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n", "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", " HTTP/1.1 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 O\u{0}K\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 OK\r\n\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 X\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n",
    ])
    func refuses(_ wire: String) { expectBad(wire) }

    @Test func refusesTunnels() {
        expectBad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .connect)
    }

    @Test func throwsTheSameAgain() {
        let fault = WireError.badResponse("A line ends in LF without CR.")
        var parser = ResponseParser(limits: HeadLimits())
        for wire in ["HTTP/1.1 200 OK\n", "HTTP/1.1 204 No Content\r\n\r\n", ""] {
            var buffer = ByteBuffer(string: wire)
            #expect(throws: fault) { try parser.parse(&buffer, requestMethod: .get) }
        }
    }

    private func expectBad(_ wire: String, _ method: RequestMethod = .get) {
        guard case .failure(.badResponse) = responseOutcome(wire, to: method) else {
            Issue.record("taken, or refused as something else: \(wire.debugDescription)")
            return
        }
    }
}
