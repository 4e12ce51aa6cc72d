import NIOCore
import SoukHTTPWire
import Testing

@Suite struct BodyDecoderTests {
    /// In one piece, byte by byte, and in every two pieces: always the same.
    private func outcome(
        _ wire: String, _ framing: BodyFraming = .chunked, limits: HeadLimits = HeadLimits()
    ) -> Result<DecodedBody, WireError> {
        let all = bytes(wire)
        let whole = bodyOutcome(framing, [all], limits: limits)
        #expect(bodyOutcome(framing, all.map { [$0] }, limits: limits) == whole)
        for place in all.indices where all.count < 500 {
            let two = [Array(all[..<place]), Array(all[place...])]
            #expect(bodyOutcome(framing, two, limits: limits) == whole, "cut at \(place)")
        }
        return whole
    }

    @Test(
        arguments: [
            ("0\r\n\r\n", "", nil, ""), ("5\r\nhello\r\n0\r\n\r\nGET", "hello", nil, "GET"),
            ("1\r\na\r\nA\r\n0123456789\r\n00\r\n\r\n", "a0123456789", nil, ""),
            ("0000000000000002\r\nab\r\n0\r\n\r\n", "ab", nil, ""),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", nil, ""),
            ("2;a\r\nab\r\n0;b=c\r\n\r\n", "ab", nil, ""),
            ("2;a=\"q;\\\"\t\u{e9}\";b;c=d\r\nab\r\n0\r\n\r\n", "ab", nil, ""),
            ("0\r\nX-Sum: 1\r\nETag: \"a\"\r\n\r\n-", "", "X-Sum: 1\r\nETag: \"a\"\r\n", "-"),
            ("a\r\n0123456789\r\n0\r\nA:\r\n\r\n", "0123456789", "A:\r\n", ""),
        ] as [(String, String, String?, String)])
    func chunks(_ wire: String, _ content: String, _ trailers: String?, _ left: String) throws {
        let body = try outcome(wire).get()
        #expect(body.isComplete)
        #expect(String(decoding: body.content, as: UTF8.self) == content)
        #expect(body.trailers == trailers)
        #expect(String(decoding: body.left, as: UTF8.self) == left)
    }

    @Test(arguments: [
        "\r\n", ";a\r\n", " 1\r\n", "+1\r\n", "-1\r\n", "0x1\r\n", "g\r\n", "1 \r\n", "1 ;a\r\n", "1\t\r\n",
        "1,\r\n",
        "1\n", "1\r1", "1\r\r\n", "1\u{0}\r\n", "1_0\r\n", "8000000000000000\r\n", "ffffffffffffffff\r\n",
        "00000000000000001\r\n", "10000000000000000\r\n",
        "1;\r\n", "1;=a\r\n", "1;a=\r\n", "1;a=b c\r\n", "1; a\r\n", "1;a \r\n", "1;a=\"b\r\n",
        "1;a=\"b\"c\r\n",
        "1;a\nb\r\n", "1;a=\"\n\"\r\n", "1;a=\"\\\n\"\r\n", "1;a\u{0}\r\n", "1;a\rb", "1;a;\r\n",
        "1;a=\"\u{7f}\"\r\n",
        "1\r\nab", "1\r\na\n", "1\r\na\r0", "1\r\na0\r\n\r\n", "2\r\nab\n0\r\n\r\n", "0\r\n\n",
        "0\r\n\r0\r\n",
        "0\n\r\n",
        "0\r\nA : b\r\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\nA: \u{0}\r\n\r\n",
        "0\r\nA: b\n\r\n", "0\r\nA\r\n\r\n",
    ])
    func refusesChunks(_ wire: String) {
        guard case .failure(.badRequest) = outcome(wire) else {
            Issue.record("taken: \(wire.debugDescription)")
            return
        }
        #expect(throws: WireError.self) { try decodeBody(.chunked, [bytes(wire)], kind: .response) }
    }

    @Test(arguments: [
        "Content-Length", "content-length", "Transfer-Encoding", "Host", "Trailer", "Authorization",
        "Proxy-Authorization", "Connection", "Upgrade", "TE", "Keep-Alive", "Content-Type",
        "Content-Encoding", "Content-Range", "Expect", "Cache-Control", "X-Forwarded-For", "Forwarded",
        "X-Real-IP", "X-Request-ID", "Cookie", "Set-Cookie", "set-COOKIE", "If-Match", "Range",
        "WWW-Authenticate", "Max-Forwards", "Location", "Origin", "traceparent", "Vary", "Via",
    ])
    func refusesTrailers(_ name: String) {
        #expect(
            outcome("0\r\nA: b\r\n\(name): 0\r\n\r\n")
                == .failure(.badRequest("A field is not allowed in trailers.")))
    }

    @Test func boundsTrailersAndExtensions() throws {
        let limits = HeadLimits(maxFieldBytes: 20, maxFields: 2)
        #expect(try outcome("0\r\nA: 0123456789\r\nB:\r\n\r\n", limits: limits).get().isComplete)
        #expect(
            outcome("0\r\nA: 0123456789\r\nB: 0123456\r\n\r\n", limits: limits) == .failure(.fieldsTooLarge))
        #expect(outcome("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits: limits) == .failure(.fieldsTooLarge))
        #expect(
            outcome("0\r\nA: \(String(repeating: "b", count: 30))", limits: limits)
                == .failure(.fieldsTooLarge))
        // 4096 bytes from the semicolons on, in one chunk or in all.
        let tooLarge = Result<DecodedBody, WireError>.failure(
            .badRequest("The chunk extensions are too large."))
        let extensions = String(repeating: "a", count: 4095)
        #expect(try outcome("0;\(extensions)\r\n\r\n").get().isComplete)
        #expect(outcome("0;\(extensions)a\r\n\r\n") == tooLarge)
        let each = String(repeating: "1;b\r\na\r\n", count: 2048)
        #expect(try outcome("\(each)0\r\n\r\n").get().content.count == 2048)
        #expect(outcome("\(each)0;b\r\n\r\n") == tooLarge)
    }

    @Test func fixedLengths() throws {
        #expect(
            try outcome("helloGET", .length(5)).get()
                == DecodedBody(
                    content: bytes("hello"), isComplete: true, left: bytes("GET")))
        #expect(try outcome("GET", .length(0)).get() == DecodedBody(isComplete: true, left: bytes("GET")))
        #expect(try outcome("GET", .none).get() == DecodedBody(isComplete: true, left: bytes("GET")))
        #expect(try outcome("hell", .length(5)).get() == DecodedBody(content: bytes("hell")))
        #expect(try outcome("hello", .untilClose).get() == DecodedBody(content: bytes("hello")))
    }

    @Test func givesSlicesWithoutCopy() throws {
        var buffer = ByteBuffer(string: "5\r\nhello\r\n0\r\n\r\n")
        let base = buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        var decoder = BodyDecoder(.chunked, limits: HeadLimits())
        guard case .bytes(let content) = try decoder.next(&buffer) else {
            Issue.record("no content")
            return
        }
        #expect(content.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } == base + 3)
    }

    @Test(arguments: [
        (BodyFraming.untilClose, "abc", true), (.untilClose, "", true), (.length(3), "ab", false),
        (.length(3), "", false), (.length(3), "abc", true), (.none, "", true), (.length(0), "", true),
        (.chunked, "", false), (.chunked, "3\r\nabc", false), (.chunked, "3\r\nabc\r\n", false),
        (.chunked, "3\r\nabc\r\n0\r\n", false), (.chunked, "3\r\nabc\r\n0\r\n\r\n", true),
        (.chunked, "0\r\nA: b\r\n", false),
    ])
    func endOfInput(_ framing: BodyFraming, _ wire: String, _ isWhole: Bool) throws {
        var decoder = BodyDecoder(framing, limits: HeadLimits(), kind: .response)
        var buffer = ByteBuffer(string: wire)
        while try decoder.next(&buffer) != nil {}
        let wasComplete = decoder.isComplete
        guard isWhole else {
            for _ in 1...2 {
                #expect(throws: WireError.badResponse("The body is not complete.")) {
                    try decoder.endOfInput()
                }
            }
            #expect(throws: WireError.badResponse("The body is not complete.")) { try decoder.next(&buffer) }
            #expect(!decoder.isComplete)
            return
        }
        #expect(try decoder.endOfInput() == (wasComplete ? nil : .end(trailers: nil)))
        #expect(decoder.isComplete)
        #expect(try decoder.endOfInput() == nil)
        #expect(try decoder.next(&buffer) == nil)
    }

    @Test func endOfInputAloneEndsABodyOfNothing() throws {
        var decoder = BodyDecoder(.none, limits: HeadLimits())
        #expect(try decoder.endOfInput() == .end(trailers: nil))
    }

    @Test(arguments: [
        (0, "0"), (1, "1"), (9, "9"), (10, "a"), (15, "f"), (16, "10"), (255, "ff"), (4096, "1000"),
        (0xabcdef, "abcdef"), (Int.max, "7fffffffffffffff"),
    ])
    func chunkHeaders(_ length: Int, _ digits: String) {
        var buffer = ByteBuffer(string: "-")
        buffer.writeChunkHeader(length)
        #expect(String(buffer: buffer) == "-\(digits)\r\n")
    }
}
