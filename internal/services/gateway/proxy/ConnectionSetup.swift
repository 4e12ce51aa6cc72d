import NIOCore
import NIOHTTP2
import NIOSSL
import SoukHTTPWire

/// Puts the handlers of a new connection together.
struct ConnectionSetup: Sendable {
    let tls: TLSContexts?

    /// On the connection's event loop.
    func configure(_ channel: any Channel, state: EventLoopState) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
        let peer = ClientPeer(channel.remoteAddress, isTLS: tls != nil, policy: state.policy)
        try pipeline.addHandler(ProtocolDetection(state: state, peer: peer))
    }
}

/// Tells HTTP/2 from HTTP/1.1 by its preface (RFC 9113, section 3.4), which clients send with and without TLS, and gives way to
/// the handlers of what it found.
final class ProtocolDetection: ChannelInboundHandler, RemovableChannelHandler, Watched, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    /// Enough to know: no method begins so.
    private static let telling = 14

    private let state: EventLoopState
    private let peer: ClientPeer
    private let began: NIODeadline
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()

    init(state: EventLoopState, peer: ClientPeer) {
        self.state = state
        self.peer = peer
        state.touch()
        began = state.now
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.unwatch(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 { swap(&input, &bytes) } else { input.writeBuffer(&bytes) }
        let known = input.readableBytesView.prefix(Self.telling)
        let expected = UnsafeBufferPointer(start: Self.preface.utf8Start, count: known.count)
        if known.elementsEqual(expected) {
            guard known.count == Self.telling else { return }
            state.policy.policy.listener.http2 ? becomeHTTP2(context) : becomeHTTP1(context)
        } else {
            becomeHTTP1(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.unwatch(self)
        context.fireChannelInactive()
    }

    private func becomeHTTP1(_ context: ChannelHandlerContext) {
        give(context, to: [ClientConnection(state: state, peer: peer, limits: limits)])
    }

    private func becomeHTTP2(_ context: ChannelHandlerContext) {
        let listener = state.policy.policy.listener
        let connection = HTTP2Connection(state: state)
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        settings.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: listener.maxConcurrentStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: listener.maxHeaderBytes),
        ]
        settings.maximumBufferedControlFrames = 1_000
        settings.targetWindowSize = 1 << 20
        var streams = NIOHTTP2Handler.StreamConfiguration()
        streams.targetWindowSize = 256 << 10
        streams.outboundBufferSizeHighWatermark = 64 << 10
        streams.outboundBufferSizeLowWatermark = 32 << 10
        let (state, peer, limits) = (
            NIOLoopBound(state, eventLoop: context.eventLoop),
            NIOLoopBound(peer, eventLoop: context.eventLoop), limits
        )
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: context.eventLoop, connectionConfiguration: settings,
            streamConfiguration: streams, streamDelegate: connection
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    HTTP2Stream(state: state.value, peer: peer.value, limits: limits))
            }
        }
        give(context, to: [handler, connection])
    }

    private func give(_ context: ChannelHandlerContext, to handlers: [any ChannelHandler]) {
        do {
            for handler in handlers.reversed() {
                try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
            }
        } catch {
            return context.close(promise: nil)
        }
        context.fireChannelRead(wrapInboundOut(input))
        input = ByteBuffer()
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private var limits: HeadLimits {
        let listener = state.policy.policy.listener
        return HeadLimits(
            maxTargetBytes: listener.maxTargetBytes, maxFieldBytes: listener.maxHeaderBytes,
            maxFields: listener.maxHeaderFields)
    }

    // MARK: - Watched

    /// A client that says nothing, or never finishes its TLS handshake.
    func lookAtTime(_ now: NIODeadline) {
        if now > began + TimeAmount(state.policy.policy.listener.headerTimeout) { cut() }
    }

    func drain() { cut() }

    func cut() { context?.close(promise: nil) }
}

/// An HTTP/2 connection as a whole: closed when it has had no stream for long, and told to end in a shutdown.
///
/// Floods are the handler's before it: CONTINUATION frames, SETTINGS, PINGs and resets have rates there, beyond which the
/// connection is closed.
final class HTTP2Connection: ChannelInboundHandler, NIOHTTP2StreamDelegate, Watched, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let state: EventLoopState
    private var context: ChannelHandlerContext?
    private var streams = 0
    private var last = HTTP2StreamID.rootStream
    private var idleSince: NIODeadline
    private var isEnding = false

    init(state: EventLoopState) {
        self.state = state
        idleSince = state.now
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.unwatch(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.unwatch(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What concerns one stream only has been dealt with there.
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }

    func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
        streams += 1
        last = max(last, id)
    }

    func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
        streams -= 1
        idleSince = state.now
        // Not from within the write that closed it.
        if isEnding, streams == 0 { state.loop.execute { self.end() } }
    }

    func lookAtTime(_ now: NIODeadline) {
        guard streams == 0, now > idleSince + TimeAmount(state.policy.policy.listener.idleTimeout) else {
            return
        }
        drain()
    }

    /// GOAWAY, and the end once no stream is left.
    func drain() {
        guard !isEnding else { return }
        isEnding = true
        if streams == 0 { end() } else { sayGoodbye() }
    }

    /// Closes when everything has been sent. A stream counts as closed as soon as its last frame is written, which is before the
    /// frame is flushed.
    private func end() {
        sayGoodbye().whenComplete { _ in self.cut() }
    }

    @discardableResult
    private func sayGoodbye() -> EventLoopFuture<Void> {
        guard let context else { return state.loop.makeSucceededVoidFuture() }
        let goAway = HTTP2Frame.FramePayload.goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil)
        return context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: goAway)))
    }

    func cut() { context?.close(promise: nil) }
}
