import DequeModule
import Logging
import NIOCore
import NIOEmbedded
import SoukAuthToken
import SoukCallContext
import SoukTime

@testable import SoukGateway

/// The gateway's handlers on an embedded loop: a client's connection, and those to a service that answers all requests alike.
final class EmbeddedFront {
    /// What clients of this front may ask, as the corpus does.
    static let request = ByteBuffer(
        staticString: "GET /api/v1/products?limit=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    /// What the service says to somebody else.
    private static let answer = ByteBuffer(staticString: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    private static let filler = ByteBuffer(repeating: 0x78, count: 3_000)

    let loop = EmbeddedEventLoop()
    let state: EventLoopState
    let services: EmbeddedServices
    /// The types of the handlers that were in use.
    private(set) var seen: Set<String> = []
    private var clients: [EmbeddedChannel] = []
    private var pending: Deque<ByteBuffer> = []
    private let plan: FaultPlan

    init(_ plan: FaultPlan, answer: ByteBuffer) throws {
        self.plan = plan
        services = EmbeddedServices(loop, plan, answer: answer)
        state = EventLoopState(
            loop: loop,
            gateway: GatewayRuntime(
                tokens: VerifiedTokens(NoTokens(), clock: SystemClock()), responder: nil,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
            policy: try Self.policy(), loops: 1, dialer: services)
    }

    private static func policy() throws -> CompiledPolicy {
        var policy = GatewayPolicy()
        policy.accessLog = false
        policy.upstreams["app"] = UpstreamPolicy(
            name: "app", targets: [HostPort(host: "127.0.0.1", port: 2)])
        var route = RoutePolicy(pattern: "/api/v1/**", upstream: "app")
        // One at a time: a slot that is not given back is noticed at once.
        route.concurrency = ConcurrencyPolicy()
        route.concurrency?.limit = 1
        route.breaker = nil
        route.compression = CompressionPolicy()
        policy.routes = [route]
        return try CompiledPolicy(policy, limiters: RateLimiters(cache: nil, clock: SystemClock()))
    }

    /// A connection on which the plan's fault happens, from its first byte to its end.
    func run(_ pieces: [ByteBuffer]) throws {
        pending = Deque(pieces)
        let client = try connect(plan)
        while client.isActive, let piece = pending.popFirst() { receive(piece, on: client) }
        let begin = NIODeadline.now()
        state.drain()
        for seconds in [3, 15, 40, 100] as [Int64] {
            loop.run()
            state.lookAtTime(begin + .seconds(seconds))
            observe()
        }
        state.cut()
        loop.run()
        client.end()
        services.finish()
        loop.run()
    }

    /// Whether somebody else is served afterwards.
    func servesOther() throws -> Bool {
        services.become(Self.answer)
        let client = try connect(FaultPlan(nil, at: 0))
        receive(Self.request, on: client)
        var text = ""
        while let bytes = try client.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        client.end()
        services.finish()
        loop.run()
        return text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("[]")
    }

    private func connect(_ plan: FaultPlan) throws -> EmbeddedChannel {
        let client = EmbeddedChannel(
            handler: FaultHandler(plan, observe: { [unowned self] in observe() }) { [unowned self] in
                NIOAny(pending.popFirst() ?? Self.filler)
            }, loop: loop)
        let address = try SocketAddress(ipAddress: "192.0.2.7", port: 40_000)
        client.remoteAddress = address
        try ConnectionSetup(tls: nil).configure(client, state: state)
        client.connect(to: address, promise: nil)
        clients = [client]
        observe()
        return client
    }

    private func receive(_ bytes: ByteBuffer, on client: EmbeddedChannel) {
        client.pipeline.fireChannelRead(bytes)
        client.pipeline.fireChannelReadComplete()
        loop.run()
        observe()
    }

    private func observe() {
        for one in state.watched.values { seen.insert("\(type(of: one))") }
        for client in clients
        where (try? client.pipeline.syncOperations.handler(type: HTTP2FrameMeter.self)) != nil {
            seen.insert("\(HTTP2FrameMeter.self)")
        }
        if services.isUsed { seen.insert("\(UpstreamConnection.self)") }
    }
}

/// Connections to a service that says the same to every request.
final class EmbeddedServices: Dialer, @unchecked Sendable {
    // @unchecked: used on the test's thread only.
    private let loop: EmbeddedEventLoop
    private var plan: FaultPlan
    private var answer: ByteBuffer
    private var channels: [EmbeddedChannel] = []
    private(set) var isUsed = false

    init(_ loop: EmbeddedEventLoop, _ plan: FaultPlan, answer: ByteBuffer) {
        self.loop = loop
        self.plan = plan
        self.answer = answer
    }

    func dial(
        _ address: SocketAddress, on _: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        isUsed = true
        let answer = answer
        let channel = EmbeddedChannel(
            handlers: [EmbeddedService(answer), FaultHandler(plan) { NIOAny(answer) }], loop: loop)
        channels.append(channel)
        guard plan.next() == nil else { return loop.makeFailedFuture(InjectedError()) }
        return initializer(channel).flatMap { [unowned self] in
            channels.last?.connect(to: address) ?? loop.makeSucceededVoidFuture()
        }.map { channel as any Channel }
    }

    /// From now on everything goes well, and this is the answer.
    func become(_ answer: ByteBuffer) {
        plan = FaultPlan(nil, at: 0)
        self.answer = answer
    }

    func finish() {
        for channel in channels { channel.end() }
        channels = []
    }
}

/// Answers each flush of a request, in two parts, the first of which comes from within the loop's next turn.
final class EmbeddedService: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let answer: ByteBuffer
    private var wasAsked = false

    init(_ answer: ByteBuffer) {
        self.answer = answer
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        wasAsked = wasAsked || String(buffer: unwrapOutboundIn(data)).contains("HTTP/1.1\r\n")
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard wasAsked else { return }
        wasAsked = false
        let half = answer.readableBytes / 2
        for part in [
            answer.getSlice(at: 0, length: half),
            answer.getSlice(at: half, length: answer.readableBytes - half),
        ] {
            guard let part else { continue }
            context.eventLoop.assumeIsolated().execute {
                guard context.channel.isActive else { return }
                context.fireChannelRead(NIOAny(part))
                context.fireChannelReadComplete()
            }
        }
    }
}

private struct NoTokens: TokenVerifier {
    func verify(_ token: String) async throws(TokenError) -> Principal { throw .malformed("a test has none") }
}
