import NIOCore

/// Accepts no further connection while there are as many as may be: the next ones wait in the kernel's queue.
final class ConnectionLimit: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let limit: Int
    private var context: ChannelHandlerContext?
    private var open = 0
    private var readIsHeld = false

    init(_ limit: Int) {
        self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        open += 1
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in this.value.closed() }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        if open < limit { context.read() } else { readIsHeld = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Too many open files, or a client that left between the handshake and accept(2): the next may do better.
    }

    private func closed() {
        open -= 1
        guard readIsHeld, open < limit else { return }
        readIsHeld = false
        context?.read()
    }
}
