import NIOCore
import NIOHPACK
import NIOHTTP2
import SoukHTTPWire

/// One request of an HTTP/2 connection (RFC 9113): a stream, which the exchange sees like an HTTP/1.1 connection. Its head is
/// written in HTTP/1.1's form and read by the same parser, so that both are held to the same rules.
final class HTTP2Stream: ChannelDuplexHandler, Downstream, Watched, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// What may wait for the service before reading stops.
    private static let maxWaitingBytes = 64 << 10

    let state: EventLoopState
    let peer: ClientPeer
    private let limits: HeadLimits
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var waiting = ByteBuffer()
    private var hasEnd = false
    private var trailers: ByteBuffer?
    private(set) var hasWholeRequest = false
    private var readIsHeld = false
    private var isPassing = false
    private var isOver = false
    private var stalledSince: NIODeadline?

    init(state: EventLoopState, peer: ClientPeer, limits: HeadLimits) {
        self.state = state
        self.peer = peer
        self.limits = limits
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.unwatch(self)
        leave()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        state.touch()
        switch unwrapInboundIn(data) {
        case .headers(let headers) where exchange == nil:
            begin(headers.headers, ends: headers.endStream)
        case .headers(let headers):
            do throws(WireError) {
                trailers = try HTTP2Heads.trailers(headers.headers, limits: limits)
                hasEnd = true
                passBody()
            } catch {
                exchange?.refuse(Refusal(error))
            }
        case .data(let data):
            if case .byteBuffer(var bytes) = data.data { waiting.writeBuffer(&bytes) }
            hasEnd = hasEnd || data.endStream
            stalledSince = state.now
            passBody()
            exchange?.keep(waiting.readableBytes)
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushUpstream()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if waiting.readableBytes >= Self.maxWaitingBytes { readIsHeld = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalledSince = context.channel.isWritable ? nil : state.now
        if context.channel.isWritable { exchange?.clientIsWritable() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    /// Ends the exchange where it still runs; what is left of the stream comes first, as whoever is notified may call back.
    private func leave() {
        isOver = true
        waiting = ByteBuffer()
        let exchange = exchange
        self.exchange = nil
        exchange?.clientIsGone()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: - The request

    private func begin(_ headers: HPACKHeaders, ends: Bool) {
        do throws(WireError) {
            var bytes = try HTTP2Heads.request(headers, ends: ends)
            var parser = RequestParser(limits: limits)
            guard let head = try parser.parse(&bytes), bytes.readableBytes == 0 else {
                throw WireError.badRequest("The header makes no sense.")
            }
            hasWholeRequest = ends
            let exchange = Exchange(head, route: state.policy.route(of: head), client: self)
            self.exchange = exchange
            stalledSince = ends ? nil : state.now
            exchange.admit()
        } catch {
            refuse(Refusal(error))
        }
    }

    /// One call at a time: what arrives while the exchange takes a part waits for its turn behind that part.
    private func passBody() {
        guard !isPassing else { return }
        isPassing = true
        defer { isPassing = false }
        while passPart() {}
    }

    /// False when there is nothing more to pass, or the exchange can't take more for now.
    private func passPart() -> Bool {
        guard let exchange, exchange.takesBody, !hasWholeRequest else { return false }
        guard !exchange.isBodyHeld || exchange.local != nil && waiting.readableBytes == 0 else {
            return false
        }
        if waiting.readableBytes > 0 {
            let bytes = waiting
            waiting = ByteBuffer()
            exchange.letGo()
            guard exchange.receive(bytes) else { return false }
            resumeReading()
            return true
        }
        guard hasEnd else { return false }
        hasWholeRequest = true
        stalledSince = nil
        exchange.receiveEnd(trailers: trailers)
        exchange.requestIsSent()
        return false
    }

    private func resumeReading() {
        guard readIsHeld else { return }
        readIsHeld = false
        context?.read()
    }

    func resumeBody() {
        passBody()
        exchange?.flushUpstream()
    }

    // MARK: - The answer

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func sendContinue() {
        guard waiting.readableBytes == 0, !hasEnd else { return }
        write(.headers(.init(headers: [":status": "100"])))
        flush()
    }

    func send(_ answer: AnswerHead) {
        write(.headers(.init(headers: HTTP2Heads.answer(answer))))
    }

    func send(_ bytes: ByteBuffer) {
        state.allowWindowUpdates(peer, for: bytes.readableBytes)
        write(.data(.init(data: .byteBuffer(bytes))))
    }

    func finish(trailers: ByteBuffer?) {
        guard !isOver else { return }
        isOver = true
        waiting = ByteBuffer()
        exchange = nil
        if let trailers {
            write(.headers(.init(headers: HTTP2Heads.fields(of: trailers), endStream: true)))
        } else {
            write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
        }
        flush()
        // A client that is still sending is told to stop, and that nothing went wrong (RFC 9113, section 8.1).
        if !hasWholeRequest {
            write(.rstStream(.noError))
            flush()
        }
    }

    func flush() { context?.flush() }

    func cut() {
        guard !isOver else { return }
        leave()
        write(.rstStream(.internalError))
        flush()
    }

    /// HTTP/2 has no `Upgrade`: never asked for.
    func becomeTunnel(to upstream: UpstreamConnection) {
        upstream.abandon()
        cut()
    }

    private func write(_ frame: HTTP2Frame.FramePayload) {
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    func pay(for refusal: Refusal) {
        guard refusal.isForClient, let budget = peer.connectionBudget else { return }
        let rate = state.policy.policy.budgets.frameRate
        if !budget.spend(frames: HTTP2FrameCosts.refusal, rate: rate, at: .now()) { peer.isOverdrawn = true }
    }

    private func refuse(_ refusal: Refusal) {
        pay(for: refusal)
        let identity = RequestIdentity(&state.random)
        state.noteRefusal(refusal, peer, identity)
        guard let answer = refusal.answer(identity: identity, date: state.date(), isHead: false) else {
            return cut()
        }
        var head = AnswerHead(head: answer.head, framing: answer.head.framing)
        head.added.writeStaticString("X-Request-Id: ")
        identity.write(to: &head.added)
        head.added.writeStaticString("\r\n")
        send(head)
        send(answer.body)
        finish(trailers: nil)
    }

    // MARK: - Time

    func lookAtTime(_ now: NIODeadline) {
        exchange?.lookAtTime(now)
        let limit = TimeAmount(state.policy.policy.listener.bodyTimeout)
        guard let exchange, let stalledSince, now > stalledSince + limit else { return }
        if exchange.takesBody, exchange.isBodyHeld, isWritable { return }
        exchange.stage == .answering ? exchange.breakOff() : exchange.refuse(.headerTimeout)
    }

    func drain() {}

}
