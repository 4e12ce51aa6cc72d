import NIOCore
import SoukHTTPWire
import Synchronization

/// A connection to a service, for one exchange at a time. Its handler: it parses answers, and writes what it is given.
final class UpstreamConnection: ChannelDuplexHandler, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// No exchange.
        case idle
        case head
        case body(BodyDecoder)
        /// Raw bytes, to the client.
        case tunnel
        case closed
    }

    let channel: any Channel
    let address: UpstreamAddress
    private unowned let state: EventLoopState
    /// Where it waits between exchanges: once that is closed, the end of an exchange is its end.
    private let pool: ConnectionPool
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    private var exchange: Exchange?
    private var tunnel: (any TunnelEnd)?
    private var parser: ResponseParser
    private var input = ByteBuffer()
    private var readIsHeld = false
    private var isParsing = false
    private var answerPersists = false
    private var requestIsSent = false
    /// Whether an exchange came to its end on it: then it had waited before this one.
    private(set) var hasServed = false
    var idleSince: NIODeadline
    var idleTimeout: TimeAmount = .seconds(30)
    private var keep = 0

    /// Answers may have longer heads than requests: they come from us.
    private static let limits: HeadLimits = {
        var limits = HeadLimits()
        limits.maxFieldBytes = 64 << 10
        limits.maxFields = 200
        return limits
    }()

    init(channel: any Channel, address: UpstreamAddress, pool: ConnectionPool, state: EventLoopState) {
        self.channel = channel
        self.address = address
        self.pool = pool
        self.state = state
        parser = ResponseParser(limits: Self.limits)
        idleSince = state.now
    }

    var isUsable: Bool {
        if case .idle = phase { return channel.isActive }
        return false
    }

    var isWritable: Bool { channel.isWritable }

    // MARK: - The exchange's side

    /// The next answer is for this exchange.
    func begin(_ exchange: Exchange, upstream: UpstreamPolicy) {
        self.exchange = exchange
        idleTimeout = TimeAmount(upstream.idleTimeout)
        keep = upstream.idleConnections
        requestIsSent = false
        phase = .head
        // The last client may have been too slow to the end.
        resumeReading()
        address.outstanding.wrappingAdd(1, ordering: .relaxed)
    }

    func send(_ bytes: ByteBuffer) {
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() { context?.flush() }

    func requestIsComplete() { requestIsSent = true }

    /// The client has taken what was written to it.
    func resumeReading() {
        guard readIsHeld else { return }
        readIsHeld = false
        context?.read()
    }

    /// The exchange wants nothing more of it.
    func abandon() {
        exchange = nil
        close()
    }

    func close() {
        endExchange()
        phase = .closed
        tunnel = nil
        channel.close(mode: .all, promise: nil)
    }

    /// What follows the answer's head goes to that end, beginning with what was received together with it.
    func becomeTunnel(to end: any TunnelEnd) {
        guard case .head = phase else { return end.tunnelClosed() }
        phase = .tunnel
        tunnel = end
        parse()
    }

    // MARK: - The channel's side

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        leave()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if case .closed = phase { return }
        state.touch()
        if input.readableBytes == 0 { swap(&input, &bytes) } else { input.writeBuffer(&bytes) }
        parse()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushClient()
        tunnel?.tunnelFlush()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if exchange?.clientIsSlow ?? false || tunnel.map({ !$0.isTunnelWritable }) ?? false {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            exchange?.upstreamIsWritable()
            tunnel?.tunnelPeerIsWritable()
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    /// The channel is closed. The phase changes before anybody is notified, who may call back.
    private func leave() {
        input = ByteBuffer()
        switch phase {
        case .idle:
            phase = .closed
            pool.forget(self)
        case .tunnel:
            let end = tunnel
            endExchange()
            phase = .closed
            tunnel = nil
            end?.tunnelClosed()
        case .head, .body: fail(.closed)
        case .closed: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch phase {
        case .head, .body: fail(.broken("\(error)"))
        case .idle, .tunnel, .closed: break
        }
        context.close(promise: nil)
    }

    // MARK: - Answers

    /// One call at a time: what arrives while an exchange takes a part of the answer waits for its turn behind that part.
    private func parse() {
        guard !isParsing else { return }
        isParsing = true
        defer { isParsing = false }
        while true {
            switch phase {
            case .head:
                guard let exchange, parseHead(for: exchange) else { return }
            case .body(var decoder):
                do {
                    guard let part = try decoder.next(&input) else {
                        phase = .body(decoder)
                        return
                    }
                    switch part {
                    case .bytes(let bytes):
                        phase = .body(decoder)
                        exchange?.answer(bytes)
                    case .end(let trailers):
                        complete(trailers)
                    }
                } catch {
                    return fail(.badAnswer("\(error)"), close: true)
                }
            case .idle:
                // Nobody asked: what comes can't be trusted to belong to the next request.
                if input.readableBytes > 0 { close() }
                return
            case .tunnel:
                guard input.readableBytes > 0 else { return }
                let bytes = input
                input = ByteBuffer()
                tunnel?.tunnelled(bytes)
            case .closed:
                return
            }
        }
    }

    /// False when more bytes are needed, or there is nothing more to do.
    private func parseHead(for exchange: Exchange) -> Bool {
        do {
            guard let head = try parser.parse(&input, requestMethod: exchange.head.method) else {
                return false
            }
            if head.status == 101 {
                exchange.upstreamSwitches(head)
                return true
            }
            if head.status < 200 {
                exchange.interim(head)
                return true
            }
            answerPersists = head.persists
            phase = .body(BodyDecoder(head.framing, limits: Self.limits, kind: .response))
            exchange.judge(head)
            exchange.answer(head)
            return true
        } catch {
            fail(.badAnswer("\(error)"), close: true)
            return false
        }
    }

    private func complete(_ trailers: ByteBuffer?) {
        let exchange = exchange
        endExchange()
        hasServed = true
        if answerPersists, requestIsSent, channel.isActive {
            phase = .idle
            if input.readableBytes > 0 {
                close()
            } else {
                pool.give(self, keep: keep)
            }
        } else {
            phase = .closed
            channel.close(mode: .all, promise: nil)
        }
        exchange?.answerEnds(trailers)
    }

    private func endExchange() {
        switch phase {
        case .head, .body, .tunnel: address.outstanding.wrappingSubtract(1, ordering: .relaxed)
        case .idle, .closed: break
        }
        exchange = nil
    }

    private func fail(_ failure: UpstreamFailure, close: Bool = false) {
        let exchange = exchange
        if case .body(var decoder) = phase, failure.isClosing {
            // A body without a length ends with the connection.
            if let part = try? decoder.endOfInput(), case .end(let trailers) = part {
                answerPersists = false
                return complete(trailers)
            }
        }
        endExchange()
        phase = .closed
        if close { channel.close(mode: .all, promise: nil) }
        exchange?.upstreamFailed(failure)
    }
}

/// Why an upstream gave no answer, or not all of it.
enum UpstreamFailure: Error, CustomStringConvertible {
    case noAddress
    case notConnected(String)
    case closed
    case broken(String)
    case badAnswer(String)
    case timedOut(String)

    var isClosing: Bool {
        if case .closed = self { true } else { false }
    }

    var description: String {
        switch self {
        case .noAddress: "no address is known"
        case .notConnected(let why): "no connection: \(why)"
        case .closed: "closed the connection"
        case .broken(let why): "the connection broke: \(why)"
        case .badAnswer(let why): "the answer makes no sense: \(why)"
        case .timedOut(let what): "timed out: \(what)"
        }
    }
}

/// The client's end of a tunnel.
protocol TunnelEnd: AnyObject {
    var isTunnelWritable: Bool { get }
    func tunnelled(_ bytes: ByteBuffer)
    func tunnelFlush()
    func tunnelPeerIsWritable()
    func tunnelClosed()
}
