import NIOCore
import NIOHTTP2

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
    /// When it is closed although its client has not taken everything.
    private var endsBy = NIODeadline.distantFuture

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
        if isEnding, streams == 0, context != nil { state.loop.execute { self.end() } }
    }

    func lookAtTime(_ now: NIODeadline) {
        guard now <= endsBy else { return cut() }
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
    /// frame is flushed. A client that does not read has as long as for the response to a request.
    private func end() {
        endsBy = state.now + TimeAmount(state.policy.policy.listener.bodyTimeout)
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
