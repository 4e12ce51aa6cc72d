import NIOCore
import SoukHTTPWire

/// Who asked, and is answered: an HTTP/1.1 connection or an HTTP/2 stream. Every call is made on its event loop.
protocol Downstream: AnyObject {
    var state: EventLoopState { get }
    /// What is known of the client, once per connection.
    var peer: ClientPeer { get }
    /// False while the client is slow: whoever writes stops until `Exchange.clientIsWritable()`.
    var isWritable: Bool { get }
    /// Whether all of the request has been read.
    var hasWholeRequest: Bool { get }
    /// 100, before a body is sent (RFC 9110, section 10.1.1).
    func sendContinue()
    /// The head of the answer, final or interim.
    func send(_ head: AnswerHead)
    func send(_ bytes: ByteBuffer)
    /// The request was refused before it went anywhere.
    func pay(for refusal: Refusal)
    /// The end, with trailer lines where there are some.
    func finish(trailers: ByteBuffer?)
    func flush()
    /// The answer can't be finished: the client must see that it is cut off.
    func cut()
    /// The exchange takes body parts from now on.
    func resumeBody()
    /// Bytes pass both ways from now on (101).
    func becomeTunnel(to upstream: UpstreamConnection)
}

/// The head of an answer: what an upstream sent, what of it goes on, and what the gateway adds.
struct AnswerHead {
    let head: ResponseHead
    /// Further field lines, each ended by CRLF.
    var added = ByteBuffer()
    /// How the body is framed for the client; `untilClose` for an unknown length.
    var framing: BodyFraming
    /// Fields that the gateway says itself.
    var isContentEncoded = false

    var status: Int { head.status }

    /// Whether a field of the upstream's goes on to the client.
    func passes(_ field: HeadField) -> Bool {
        switch field.name {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .te, .trailer, .transferEncoding,
            .upgrade, .contentLength:
            false
        case .etag where isContentEncoded: false
        default: !head.connectionNamesFields || !head.isNamedInConnection(field)
        }
    }
}
