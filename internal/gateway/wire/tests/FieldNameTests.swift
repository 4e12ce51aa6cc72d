import NIOCore
import SoukHTTPWire
import Testing

@Suite struct FieldNameTests {
    /// Every case's name as registered.
    static let names: [(FieldName, String)] = [
        (.host, "Host"), (.connection, "Connection"), (.keepAlive, "Keep-Alive"),
        (.proxyConnection, "Proxy-Connection"), (.proxyAuthenticate, "Proxy-Authenticate"),
        (.proxyAuthorization, "Proxy-Authorization"), (.te, "TE"), (.trailer, "Trailer"),
        (.transferEncoding, "Transfer-Encoding"), (.upgrade, "Upgrade"), (.contentLength, "Content-Length"),
        (.contentEncoding, "Content-Encoding"), (.contentType, "Content-Type"),
        (.contentRange, "Content-Range"), (.acceptEncoding, "Accept-Encoding"), (.expect, "Expect"),
        (.authorization, "Authorization"), (.origin, "Origin"),
        (.accessControlRequestMethod, "Access-Control-Request-Method"), (.forwarded, "Forwarded"),
        (.xForwardedFor, "X-Forwarded-For"), (.xForwardedHost, "X-Forwarded-Host"),
        (.xForwardedProto, "X-Forwarded-Proto"), (.xForwardedPort, "X-Forwarded-Port"),
        (.xRealIP, "X-Real-IP"), (.xRequestID, "X-Request-ID"), (.via, "Via"),
        (.traceparent, "traceparent"), (.tracestate, "tracestate"), (.date, "Date"), (.server, "Server"),
        (.etag, "ETag"), (.vary, "Vary"), (.cacheControl, "Cache-Control"), (.retryAfter, "Retry-After"),
        (.secWebSocketKey, "Sec-WebSocket-Key"),
    ]

    /// As a response's field, where no name has a meaning that could get it refused.
    private func recognise(_ name: String) throws -> FieldName {
        let value = name.lowercased() == "transfer-encoding" ? "chunked" : "1"
        let head = try parseResponse([bytes("HTTP/1.1 200 OK\r\n\(name): \(value)\r\n\r\n")])
        return try #require(head?.fields.first?.name)
    }

    @Test func coversEveryCase() {
        #expect(Set(Self.names.map(\.0)).union([.other]) == Set(FieldName.allCases))
    }

    @Test(arguments: names) func recognisesInAnyCase(_ expected: FieldName, _ name: String) throws {
        for spelling in [name, name.lowercased(), name.uppercased()] {
            #expect(try recognise(spelling) == expected, "\(spelling)")
        }
    }

    /// No other name is taken for a known one: each byte changed to every other that a name may hold.
    @Test(arguments: names) func nothingElse(_ expected: FieldName, _ name: String) throws {
        let known = Set(Self.names.map { $0.1.lowercased() })
        for index in name.utf8.indices {
            for byte in UInt8(33)...126 where Self.isToken(byte) {
                var changed = Array(name.utf8)
                changed[name.utf8.distance(from: name.utf8.startIndex, to: index)] = byte
                let text = String(decoding: changed, as: UTF8.self)
                guard !known.contains(text.lowercased()) else { continue }
                #expect(try recognise(text) == .other, "\(text)")
            }
        }
        for text in ["\(name)x", "x\(name)", String(name.dropLast()), name.replacing("-", with: "_") + "_"]
        where !known.contains(text.lowercased()) {
            #expect(try recognise(text) == .other, "\(text)")
        }
    }

    /// RFC 9110, section 5.6.2, written out.
    private static func isToken(_ byte: UInt8) -> Bool {
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8.contains(byte)
    }

    /// Every byte at every place of a line that there is.
    @Test func everyByteIsAllowedWhereItMayStand() {
        for byte in UInt8.min...UInt8.max {
            func isTaken(_ before: String, _ after: String) -> Bool {
                let outcome = requestOutcome([bytes(before) + [byte] + bytes(after)])
                return if case .success(.some) = outcome { true } else { false }
            }
            let isVisible = (0x21...0x7e).contains(byte)
            #expect(
                isTaken("GET / HTTP/1.1\r\nHost: a\r\nA", "B: c\r\n\r\n")
                    == (Self.isToken(byte) || byte == 0x3a))
            // The place within a word of eight makes no difference.
            for before in ["b", "bcdefg", "bcdefgh", "bcdefghijkl"] {
                for after in ["b", "bcdefghijklmnop"] {
                    let expected = byte >= 0x20 && byte != 0x7f || byte == 0x09
                    #expect(
                        isTaken("GET / HTTP/1.1\r\nHost: a\r\nA: \(before)", "\(after)\r\n\r\n") == expected,
                        "\(byte) in a value")
                }
            }
            #expect(isTaken("GET /a", "b HTTP/1.1\r\nHost: a\r\n\r\n") == (isVisible && byte != 0x23))
            #expect(isTaken("G", " / HTTP/1.1\r\nHost: a\r\n\r\n") == Self.isToken(byte))
        }
    }

    @Test(arguments: [
        ("a", "b", true), ("X-Request-ID", "a\tb \u{e9}", true), ("a", "", true), ("", "b", false),
        ("a:", "b", false), ("a b", "b", false), ("a\r\nb", "b", false), ("\u{e9}", "b", false),
        ("a", "b\r\nc: d", false), ("a", "b\rc", false), ("a", "b\nc", false), ("a", "b\u{0}", false),
        ("a", "b\u{7f}", false), ("a", " b", false), ("a", "b\t", false),
    ])
    func writesOnlyValidFields(_ name: String, _ value: String, _ isValid: Bool) {
        var buffer = ByteBuffer(string: "-")
        #expect(buffer.writeField(name, value) == isValid)
        #expect(String(buffer: buffer) == (isValid ? "-\(name): \(value)\r\n" : "-"))
        #expect((FieldSyntax.isName(name) && FieldSyntax.isValue(value)) == isValid)
    }
}
