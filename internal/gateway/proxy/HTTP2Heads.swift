import NIOCore
import NIOHPACK
import SoukHTTPWire
import SoukText

/// Between the fields of HTTP/2 (RFC 9113, section 8.3) and heads in HTTP/1.1's form.
enum HTTP2Heads {
    /// - Throws: where it can't be written in that form, which is where it is malformed.
    static func request(_ headers: HPACKHeaders, ends: Bool) throws(WireError) -> ByteBuffer {
        var method: String?
        var path: String?
        var authority: String?
        var lines = ByteBuffer()
        var host: String?
        var hasLength = false
        var cookies: [String] = []
        for (name, value, _) in headers {
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": authority = value
            case ":scheme": break
            case "cookie": cookies.append(value)
            default:
                guard !name.hasPrefix(bytes: ":"), isClean(name), isClean(value) else {
                    throw .badRequest("A header field holds what must not be in it.")
                }
                switch name {
                case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
                    throw .badRequest("HTTP/2 has no connection-specific header fields.")
                case "host":
                    guard host == nil else { throw .badRequest("Host stands twice in the header.") }
                    host = value
                case "content-length": hasLength = true
                default: break
                }
                lines.writeString("\(name): \(value)\r\n")
            }
        }
        guard let method, let path, isClean(method), isClean(path), authority.map(isClean) ?? true else {
            throw .badRequest("The request has no method or no path.")
        }
        // They must agree (RFC 9113, section 8.3.1).
        if let authority, let host, authority != host {
            throw .badRequest("The request names two hosts.")
        }
        var head = ByteBuffer(string: "\(method) \(path) HTTP/1.1\r\n")
        if let authority, host == nil { head.writeString("host: \(authority)\r\n") }
        if !cookies.isEmpty {
            guard cookies.allSatisfy(isClean) else {
                throw .badRequest("A cookie holds what must not be in it.")
            }
            head.writeString("cookie: \(cookies.joined(separator: "; "))\r\n")
        }
        head.writeBuffer(&lines)
        if !ends, !hasLength { head.writeStaticString("transfer-encoding: chunked\r\n") }
        head.writeStaticString("\r\n")
        return head
    }

    static func answer(_ answer: AnswerHead) -> HPACKHeaders {
        var headers = HPACKHeaders([(":status", String(answer.status))])
        for field in answer.head.fields where answer.passes(field) {
            headers.add(name: answer.head.nameText(field).lowercasedASCII(), value: answer.head.text(field))
        }
        addLines(answer.added, to: &headers)
        if case .length(let length) = answer.framing {
            headers.add(name: "content-length", value: String(length))
        } else if case .none = answer.framing, let field = answer.head.first(.contentLength) {
            headers.add(name: "content-length", value: answer.head.text(field))
        }
        return headers
    }

    static func fields(of lines: ByteBuffer) -> HPACKHeaders {
        var headers = HPACKHeaders()
        addLines(lines, to: &headers)
        return headers
    }

    /// Trailers as lines, held to HTTP/1.1's rules; nil where there are none.
    static func trailers(_ headers: HPACKHeaders, limits: HeadLimits) throws(WireError) -> ByteBuffer? {
        var section = ByteBuffer(staticString: "0\r\n")
        for (name, value, _) in headers {
            guard !name.hasPrefix(bytes: ":"), isClean(name), isClean(value) else {
                throw .badRequest("A trailer field holds what must not be in it.")
            }
            section.writeString("\(name): \(value)\r\n")
        }
        section.writeStaticString("\r\n")
        var decoder = BodyDecoder(.chunked, limits: limits)
        guard case .end(let trailers)? = try decoder.next(&section) else {
            throw .badRequest("The trailer section makes no sense.")
        }
        return trailers
    }

    private static func addLines(_ lines: ByteBuffer, to headers: inout HPACKHeaders) {
        for line in String(buffer: lines).split(byte: "\n") {
            guard let (name, value) = line.trimmingLineEnd().split(atFirst: ":") else { continue }
            headers.add(name: name.lowercasedASCII(), value: String(value.trimmingBlanks()))
        }
    }

    private static func isClean(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 != 13 && $0 != 10 && $0 != 0 }
    }
}
