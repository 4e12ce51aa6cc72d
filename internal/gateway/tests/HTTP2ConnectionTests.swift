import NIOCore
import NIOEmbedded
import Testing

@testable import SoukGateway

/// A client that takes nothing: what is written to it waits until the connection is closed.
private final class Deaf: ChannelOutboundHandler {
    typealias OutboundIn = Any

    private var waiting: [EventLoopPromise<Void>] = []

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if let promise { waiting.append(promise) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        for write in waiting { write.fail(ChannelError.ioOnClosedChannel) }
        waiting = []
        context.close(mode: mode, promise: promise)
    }
}

@Suite struct HTTP2ConnectionTests {
    @Test func anIdleConnectionEndsWhetherItsClientReadsOrNot() throws {
        let front = try EmbeddedFront(FaultPlan(nil, at: 0), answer: ByteBuffer())
        let channel = EmbeddedChannel(handler: Deaf(), loop: front.loop)
        let connection = HTTP2Connection(state: front.state)
        try channel.pipeline.syncOperations.addHandler(connection)
        channel.connect(to: try SocketAddress(ipAddress: "192.0.2.7", port: 40_000), promise: nil)

        let listener = front.state.policy.policy.listener
        let idle = NIODeadline.now() + TimeAmount(listener.idleTimeout) + .seconds(1)
        front.state.lookAtTime(idle)
        front.loop.run()
        #expect(channel.isActive)
        front.state.lookAtTime(idle + TimeAmount(listener.bodyTimeout) + .seconds(1))
        front.loop.run()
        #expect(!channel.isActive)
        #expect(front.state.isIdle)
    }
}
