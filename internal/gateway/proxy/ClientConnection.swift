import Glibc
import NIOCore
import NIOPosix
import SoukHTTPWire

/// A client's HTTP/1.1 connection (RFC 9112): reads requests one after another and writes their answers in the same order.
///
/// `@unchecked Sendable`: used on its event loop only, as the channel's handler; futures carry it back there.
final class ClientConnection: ChannelDuplexHandler, Downstream, Watched, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What may wait here behind a running request before reading stops.
    private static let maxWaitingBytes = 64 << 10
    /// How long a connection that we close still takes bytes, so that the client gets to read the answer (RFC 9112, 9.6).
    private static let linger: TimeAmount = .seconds(2)

    private enum Phase {
        /// Between requests, or in the middle of a head.
        case head
        case exchange(Exchange)
        case tunnel(Exchange, UpstreamConnection)
        /// Answered for the last time; what comes is dropped.
        case lingering(until: NIODeadline)
        case closed
    }

    let state: EventLoopState
    let peer: ClientPeer
    private var context: ChannelHandlerContext?
    private var phase = Phase.head
    private var parser: RequestParser
    private var body: BodyDecoder?
    private var input = ByteBuffer()
    /// Since when a head is incomplete, or nothing was asked.
    private var waitingSince: NIODeadline
    /// Since when the client does not go on with its request's body, or does not read.
    private var stalledSince: NIODeadline?
    private var readIsHeld = false
    private var isParsing = false
    private var persists = true
    private var isChunked = false
    private var sentHead = false
    private var isFirst = true

    init(state: EventLoopState, peer: ClientPeer, limits: HeadLimits) {
        self.state = state
        self.peer = peer
        parser = RequestParser(limits: limits)
        waitingSince = state.now
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.touch()
        waitingSince = state.now
        state.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.unwatch(self)
        leave()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .tunnel(_, let upstream): upstream.send(bytes)
        case .lingering, .closed: break
        case .head, .exchange:
            state.touch()
            if input.readableBytes == 0 {
                swap(&input, &bytes)
                if case .head = phase { waitingSince = state.now }
            } else {
                input.writeBuffer(&bytes)
            }
            parse()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .tunnel(_, let upstream): upstream.flush()
        // What has no body was flushed with its head.
        case .exchange(let exchange) where exchange.head.framing != .none: exchange.flushUpstream()
        case .exchange, .head, .lingering, .closed: break
        }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if shouldHoldRead { readIsHeld = true } else { context.read() }
    }

    private var shouldHoldRead: Bool {
        switch phase {
        case .exchange: input.readableBytes >= Self.maxWaitingBytes
        case .head: !isWritable && input.readableBytes >= Self.maxWaitingBytes
        case .tunnel(_, let upstream): !upstream.isWritable
        case .lingering, .closed: false
        }
    }

    private func resumeReading() {
        guard readIsHeld, !shouldHoldRead else { return }
        readIsHeld = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stalledSince = nil
            switch phase {
            case .exchange(let exchange): exchange.clientIsWritable()
            case .tunnel(_, let upstream): upstream.resumeReading()
            case .head:
                parseWaiting()
                resumeReading()
            case .lingering, .closed: break
            }
        } else {
            stalledSince = state.now
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, or bytes that are no TLS: there is nobody to tell.
        context.close(promise: nil)
    }

    // MARK: - Requests

    private func parse() {
        guard !isParsing else { return }
        isParsing = true
        parseParts()
        isParsing = false
        // What stays here counts as the request's, whether it belongs to it or comes after it.
        guard case .exchange(let exchange) = phase else { return }
        input.readableBytes > 0 ? exchange.keep(input.readableBytes) : exchange.letGo()
    }

    private func parseParts() {
        while true {
            switch phase {
            case .head:
                // Who doesn't take responses gets no more of them.
                guard input.readableBytes == 0 || isWritable, parseHead() else { return }
            case .exchange(let exchange):
                guard parseBody(of: exchange) else { return }
            case .tunnel, .lingering, .closed:
                return
            }
        }
    }

    /// As after a read, which flushes at its end what went to a service.
    private func parseWaiting() {
        parse()
        if case .exchange(let exchange) = phase { exchange.flushUpstream() }
    }

    /// False when more bytes are needed, or there is nothing more to do.
    private func parseHead() -> Bool {
        do {
            let wasEmpty = input.readableBytes == 0
            guard let head = try parser.parse(&input) else {
                if wasEmpty, state.isDraining { closeNow() }
                return false
            }
            begin(head)
            return true
        } catch {
            refuse(Refusal(error))
            return false
        }
    }

    private func begin(_ head: RequestHead) {
        isFirst = false
        persists = head.persists && !state.isDraining
        sentHead = false
        isChunked = false
        body = head.framing == .none ? nil : BodyDecoder(head.framing, limits: HeadLimits())
        let exchange = Exchange(head, route: state.policy.route(of: head), client: self)
        phase = .exchange(exchange)
        stalledSince = nil
        exchange.admit()
    }

    /// False when the exchange can't take more for now, or more bytes are needed.
    private func parseBody(of exchange: Exchange) -> Bool {
        guard body != nil, exchange.takesBody, !exchange.isBodyHeld else { return false }
        do {
            guard let part = try body?.next(&input) else { return false }
            stalledSince = state.now
            switch part {
            case .bytes(let bytes):
                return exchange.receive(bytes)
            case .end(let trailers):
                body = nil
                stalledSince = nil
                exchange.receiveEnd(trailers: trailers)
                exchange.requestIsSent()
                return true
            }
        } catch {
            persists = false
            exchange.refuse(Refusal(error))
            return false
        }
    }

    func resumeBody() {
        if body != nil, stalledSince == nil { stalledSince = state.now }
        parse()
        resumeReading()
    }

    var hasWholeRequest: Bool { body == nil }

    // MARK: - Answers

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func sendContinue() {
        // Who has sent the body already doesn't wait.
        guard input.readableBytes == 0 else { return }
        write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        flush()
    }

    func send(_ answer: AnswerHead) {
        guard case .exchange(let exchange) = phase else { return }
        let isFinal = answer.status >= 200
        if isFinal {
            sentHead = true
            // A client that is still sending can't be told from one that is not: the rest of the body would be read as a request.
            if !hasWholeRequest || state.isDraining { persists = false }
        }
        let isHead = exchange.head.method == .head
        isChunked = isFinal && answer.framing == .untilClose && exchange.head.minorVersion == 1 && !isHead
        if isFinal, answer.framing == .untilClose, !isChunked, !isHead { persists = false }
        if isFinal, answer.framing == .chunked {
            if exchange.head.minorVersion == 1 { isChunked = true } else { persists = false }
        }
        write(
            answer.serialized(
                allocator: state.allocator, isChunked: isChunked, isHead: isHead,
                persists: isFinal ? persists : nil,
                clientMinorVersion: exchange.head.minorVersion))
    }

    func send(_ bytes: ByteBuffer) {
        guard isChunked else { return write(bytes) }
        guard bytes.readableBytes > 0 else { return }
        var chunk = state.allocator.buffer(capacity: 20)
        chunk.writeChunkHeader(bytes.readableBytes)
        write(chunk)
        write(bytes)
        write(Self.lineEnd)
    }

    /// HTTP/1.1 has no frames to pay with, and one request at a time.
    func pay(for refusal: Refusal) {}

    func finish(trailers: ByteBuffer?) {
        if isChunked {
            var end = state.allocator.buffer(capacity: 16)
            end.writeStaticString("0\r\n")
            if var trailers { end.writeBuffer(&trailers) }
            end.writeStaticString("\r\n")
            write(end)
        }
        flush()
        guard case .exchange = phase else { return }
        guard persists, !state.isDraining else { return closeGently() }
        phase = .head
        waitingSince = state.now
        stalledSince = isWritable ? nil : state.now
        resumeReading()
        // What waits is the next request (RFC 9112, section 9.3.2). Not from within: answers would pile up on the stack.
        if input.readableBytes > 0, !isParsing { state.loop.execute { self.parseWaiting() } }
    }

    func flush() { context?.flush() }

    /// With a reset: an ordinary close could be taken for the end of an answer without a length.
    func cut() {
        if sentHead, let options = context?.channel as? any SocketOptionProvider {
            options.setSoLinger(Glibc.linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in self.closeNow() }
        } else {
            closeNow()
        }
    }

    func becomeTunnel(to upstream: UpstreamConnection) {
        guard case .exchange(let exchange) = phase else { return upstream.abandon() }
        let waiting = input
        input = ByteBuffer()
        phase = .tunnel(exchange, upstream)
        if waiting.readableBytes > 0 { upstream.send(waiting) }
        upstream.becomeTunnel(to: self)
        if waiting.readableBytes > 0 { upstream.flush() }
        resumeReading()
    }

    private func write(_ bytes: ByteBuffer) {
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    /// Answers what is no request, and closes.
    private func refuse(_ refusal: Refusal) {
        let identity = RequestIdentity(&state.random)
        persists = false
        // First: what a failing flush still delivers is no request any more.
        linger()
        if let answer = refusal.answer(identity: identity, date: state.date(), isHead: false) {
            var head = AnswerHead(head: answer.head, framing: answer.head.framing)
            head.added.writeStaticString("X-Request-Id: ")
            identity.write(to: &head.added)
            head.added.writeStaticString("\r\n")
            write(
                head.serialized(
                    allocator: state.allocator, isChunked: false, isHead: false, persists: false,
                    clientMinorVersion: 1))
            write(answer.body)
            flush()
        }
        state.noteRefusal(refusal, peer, identity)
        closeOutput()
    }

    // MARK: - Ends

    private func closeGently() {
        linger()
        closeOutput()
    }

    private func linger() {
        phase = .lingering(until: state.now + Self.linger)
        input = ByteBuffer()
    }

    private func closeOutput() {
        context?.close(mode: .output, promise: nil)
        resumeReading()
    }

    private func closeNow() {
        leave()
        context?.close(promise: nil)
    }

    /// Ends what still runs; the phase comes first, as whoever is notified may call back.
    private func leave() {
        let last = phase
        phase = .closed
        input = ByteBuffer()
        switch last {
        case .exchange(let exchange): exchange.clientIsGone()
        case .tunnel(let exchange, let upstream):
            exchange.end()
            upstream.close()
        case .head, .lingering, .closed: break
        }
    }

    func lookAtTime(_ now: NIODeadline) {
        let listener = state.policy.policy.listener
        switch phase {
        case .head:
            let limit = input.readableBytes > 0 || isFirst ? listener.headerTimeout : listener.idleTimeout
            guard now > waitingSince + TimeAmount(limit) else { return }
            if input.readableBytes > 0 { refuse(.headerTimeout) } else { closeNow() }
        case .exchange(let exchange):
            exchange.lookAtTime(now)
            guard case .exchange = phase, let stalledSince,
                now > stalledSince + TimeAmount(listener.bodyTimeout),
                !(exchange.takesBody && exchange.isBodyHeld)
            else { return }
            if sentHead { exchange.breakOff() } else { persists = false; exchange.refuse(.headerTimeout) }
        case .lingering(let until):
            if now > until { closeNow() }
        case .tunnel, .closed: break
        }
    }

    func drain() {
        switch phase {
        case .head: if input.readableBytes == 0 { closeNow() }
        case .tunnel: closeNow()
        case .exchange, .lingering, .closed: break
        }
    }

    private static let lineEnd = ByteBuffer(staticString: "\r\n")
}

extension ClientConnection: TunnelEnd {
    var isTunnelWritable: Bool { isWritable }
    func tunnelled(_ bytes: ByteBuffer) { write(bytes) }
    func tunnelFlush() { flush() }
    func tunnelPeerIsWritable() { resumeReading() }
    func tunnelClosed() {
        flush()
        closeNow()
    }
}
