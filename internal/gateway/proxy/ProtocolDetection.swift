import CoreMetrics
import NIOCore
import NIOHTTP2
import SoukHTTPWire

/// Distinguishes HTTP/2 from HTTP/1.1 by its preface (RFC 9113, section 3.4), which clients send with and without TLS, and is
/// replaced by the handlers of the protocol that it found.
final class ProtocolDetection: ChannelInboundHandler, RemovableChannelHandler, Watched, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    /// Enough to know: no method begins so.
    private static let telling = 14

    private enum Phase {
        case detecting
        /// The new handlers are being added. They write as soon as they are, and a write that fails makes the channel deliver
        /// what it has still received: that waits behind the rest.
        case replacing
        /// Replaced or closed.
        case over
    }

    private let state: EventLoopState
    private let peer: ClientPeer
    private let began: NIODeadline
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var phase = Phase.detecting

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

    /// Out of the pipeline: what was received is the new handlers' now, and further reads go to them without passing here.
    func handlerRemoved(context: ChannelHandlerContext) {
        let (bytes, isReplaced) = (input, phase == .replacing)
        input = ByteBuffer()
        phase = .over
        self.context = nil
        state.unwatch(self)
        guard isReplaced, context.channel.isActive else { return }
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .over else { return }
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 { swap(&input, &bytes) } else { input.writeBuffer(&bytes) }
        if phase == .detecting { detect(context) }
    }

    private func detect(_ context: ChannelHandlerContext) {
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
        phase = .over
        state.unwatch(self)
        context.fireChannelInactive()
    }

    private func becomeHTTP1(_ context: ChannelHandlerContext) {
        replace(context, with: [ClientConnection(state: state, peer: peer, limits: limits)])
    }

    private func becomeHTTP2(_ context: ChannelHandlerContext) {
        if let budget = peer.connectionBudget, !budget.hasFrames(at: .now()) {
            phase = .over
            state.gateway.refusals.frames.increment()
            return context.close(promise: nil)
        }
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
        // What a stream holds before its handler reads it: the only bytes of a body that no budget counts.
        streams.targetWindowSize = 64 << 10
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
        var handlers: [any ChannelHandler] = [handler, connection]
        if let budget = peer.value.connectionBudget {
            handlers.insert(HTTP2FrameMeter(state: state.value, peer: peer.value, budget: budget), at: 0)
        }
        replace(context, with: handlers)
    }

    private func replace(_ context: ChannelHandlerContext, with handlers: [any ChannelHandler]) {
        phase = .replacing
        do {
            for handler in handlers.reversed() {
                try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
            }
        } catch {
            return context.close(promise: nil)
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
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
