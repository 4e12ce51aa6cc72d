import NIOCore
import SoukHTTPWire
import SoukTesting
import Testing

/// A request's head, or none yet, or the fault; all of it comparable.
typealias Outcome = Result<Summary?, WireError>

extension ByteBuffer {
    var bytesInHead: [UInt8] { Array(readableBytesView) }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Parses one request that arrives in `pieces`; what is left over must be the bytes after it.
func parseRequest(_ pieces: [[UInt8]], limits: HeadLimits = HeadLimits()) throws(WireError) -> RequestHead? {
    var parser = RequestParser(limits: limits)
    var buffer = ByteBuffer()
    for piece in pieces {
        buffer.writeBytes(piece)
        if let head = try parser.parse(&buffer) { return head }
    }
    return nil
}

func parseRequest(_ text: String, limits: HeadLimits = HeadLimits()) throws(WireError) -> RequestHead? {
    try parseRequest([bytes(text)], limits: limits)
}

func parseResponse(
    _ pieces: [[UInt8]], to method: RequestMethod = .get, limits: HeadLimits = HeadLimits()
) throws(WireError) -> ResponseHead? {
    var parser = ResponseParser(limits: limits)
    var buffer = ByteBuffer()
    for piece in pieces {
        buffer.writeBytes(piece)
        if let head = try parser.parse(&buffer, requestMethod: method) { return head }
    }
    return nil
}

func requestOutcome(_ pieces: [[UInt8]], limits: HeadLimits = HeadLimits()) -> Outcome {
    Result { () throws(WireError) in try parseRequest(pieces, limits: limits)?.summary }
}

func responseOutcome(
    _ pieces: [[UInt8]], to method: RequestMethod = .get, limits: HeadLimits = HeadLimits()
) -> Outcome {
    Result { () throws(WireError) in try parseResponse(pieces, to: method, limits: limits)?.summary }
}

/// A request in one piece; fails unless one byte at a time gives the same.
func requestOutcome(_ wire: String, limits: HeadLimits = HeadLimits()) -> Outcome {
    let whole = requestOutcome([bytes(wire)], limits: limits)
    #expect(requestOutcome(bytes(wire).map { [$0] }, limits: limits) == whole)
    return whole
}

/// A response in one piece; fails unless one byte at a time gives the same.
func responseOutcome(
    _ wire: String, to method: RequestMethod = .get, limits: HeadLimits = HeadLimits()
) -> Outcome {
    let whole = responseOutcome([bytes(wire)], to: method, limits: limits)
    #expect(responseOutcome(bytes(wire).map { [$0] }, to: method, limits: limits) == whole)
    return whole
}

/// Everything that a head says, comparable.
struct Summary: Equatable {
    let line: String
    let fields: [HeadField]
    let bytes: ByteBuffer
}

extension RequestHead {
    var summary: Summary {
        let line = """
            \(method.name) 0+\(methodLength) \(targetStart)+\(targetLength) \(path) \(origin) \
            \(authority ?? "-") 1.\(minorVersion) \(framing.text) \(persists) \(expectsContinue) \
            \(wantsWebSocket) \(connectionNamesFields) \(fieldsStart)
            """
        return Summary(line: line, fields: fields, bytes: bytes)
    }

    var pairs: [String] { fields.map { "\(nameText($0))=\(text($0))" } }
}

extension ResponseHead {
    var summary: Summary {
        let line = """
            \(status) \(reasonStart)+\(reasonLength) 1.\(minorVersion) \(framing.text) \(persists) \
            \(connectionNamesFields) \(fieldsStart)
            """
        return Summary(line: line, fields: fields, bytes: bytes)
    }

    var pairs: [String] { fields.map { "\(nameText($0))=\(text($0))" } }
}

extension BodyFraming {
    fileprivate var text: String {
        switch self {
        case .none: "none"
        case .length(let length): "\(length)"
        case .chunked: "chunked"
        case .untilClose: "until close"
        }
    }
}

/// A body's content and trailers, and what was left over after it.
struct DecodedBody: Equatable {
    var content: [UInt8] = []
    var trailers: String?
    var isComplete = false
    var left: [UInt8] = []
}

/// Decodes a body that arrives in `pieces`.
func decodeBody(
    _ framing: BodyFraming, _ pieces: [[UInt8]], limits: HeadLimits = HeadLimits(),
    kind: MessageKind = .request
) throws(WireError) -> DecodedBody {
    var decoder = BodyDecoder(framing, limits: limits, kind: kind)
    var (body, buffer) = (DecodedBody(), ByteBuffer())
    for piece in pieces {
        buffer.writeBytes(piece)
        while let part = try decoder.next(&buffer) {
            #expect(!body.isComplete)
            switch part {
            case .bytes(let content):
                #expect(content.readableBytes > 0)
                body.content += content.readableBytesView
            case .end(let trailers):
                body.trailers = trailers.map { String(buffer: $0) }
                body.isComplete = true
            }
        }
        #expect(decoder.isComplete == body.isComplete)
    }
    body.left = Array(buffer.readableBytesView)
    return body
}

func bodyOutcome(
    _ framing: BodyFraming, _ pieces: [[UInt8]], limits: HeadLimits = HeadLimits()
) -> Result<DecodedBody, WireError> {
    Result { () throws(WireError) in try decodeBody(framing, pieces, limits: limits) }
}

extension SeededGenerator {
    /// `whole` cut at random places, sometimes into single bytes.
    mutating func cut(_ whole: [UInt8]) -> [[UInt8]] {
        let longest = [1, 3, 17, 200].randomElement(using: &self) ?? 1
        var (pieces, rest) = ([[UInt8]](), whole[...])
        while !rest.isEmpty {
            let count = Int.random(in: 1...longest, using: &self)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    mutating func text(of alphabet: [Unicode.Scalar], _ lengths: ClosedRange<Int>) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: lengths, using: &self) {
            text.append(alphabet[Int.random(in: alphabet.indices, using: &self)])
        }
        return String(text)
    }
}
