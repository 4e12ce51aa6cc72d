import Foundation
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import SoukGateway
@testable import SoukRPCRuntime

/// Every channel handler of ours, in channels whose calls fail or call back, at each call, for each stream of the corpus.
///
/// One at a time, and with pauses: it computes for a minute, while tests that wait for each other need a thread now and then.
@Suite(.serialized) struct ReentranceTests {
    /// As far as streams with an unusual number of calls are followed.
    private static let maxCalls = 60

    @Test(arguments: Corpus.clients)
    func noFaultInAnyCallEndsTheProcessOrKeepsASlot(stream: String) async throws {
        let bytes = try Corpus.bytes(stream)
        let reachesService = try await Self.everyFault([bytes], stream, "service-length")
        try await Self.everyFault(Self.thirds(bytes), stream, "service-length")
        guard reachesService else { return }
        for service in Corpus.services where service != "service-length" {
            try await Self.everyFault([bytes], stream, service)
        }
    }

    /// Every fault at every call; whether a service is asked where nothing fails.
    @discardableResult
    private static func everyFault(
        _ pieces: [ByteBuffer], _ stream: String, _ service: String
    ) async throws -> Bool {
        let answer = try Corpus.bytes(service)
        let calm = FaultPlan(nil, at: 0)
        let reachesService = try run(calm, pieces, answer, "\(stream), \(service)")
        try #require(calm.calls > 0)
        for fault in Fault.allCases {
            for call in 1...min(calm.calls, maxCalls) {
                try run(
                    FaultPlan(fault, at: call), pieces, answer, "\(stream), \(service): \(fault) at \(call)")
                await Task.yield()
            }
        }
        return reachesService
    }

    @discardableResult
    private static func run(
        _ plan: FaultPlan, _ pieces: [ByteBuffer], _ answer: ByteBuffer, _ what: String
    ) throws -> Bool {
        let front = try EmbeddedFront(plan, answer: answer)
        try front.run(pieces)
        #expect(front.state.isIdle, "a handler is still watched: \(what)")
        for address in front.state.policy.upstreams.values.flatMap(\.addresses) {
            #expect(address.outstanding.load(ordering: .relaxed) == 0, "a request is still counted: \(what)")
        }
        let reachesService = front.services.isUsed
        let servesOther = try front.servesOther()
        #expect(servesOther, "somebody else is not answered: \(what)")
        return reachesService
    }

    private static func thirds(_ bytes: ByteBuffer) -> [ByteBuffer] {
        let third = max(bytes.readableBytes / 3, 1)
        var rest = bytes
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(third, rest.readableBytes)) {
            pieces.append(piece)
        }
        return pieces
    }

    @Test(arguments: Fault.allCases)
    func theListenerGoesOn(fault: Fault) throws {
        for call in 1...12 {
            let loop = EmbeddedEventLoop()
            var children: [EmbeddedChannel] = []
            func child() -> EmbeddedChannel {
                let child = EmbeddedChannel(loop: loop)
                child.connect(to: try! SocketAddress(ipAddress: "192.0.2.7", port: 40_000), promise: nil)
                children.append(child)
                return child
            }
            let plan = FaultPlan(fault, at: call)
            let server = EmbeddedChannel(
                handlers: [FaultHandler(plan) { NIOAny(child() as any Channel) }, ConnectionLimit(2)],
                loop: loop)
            server.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 80), promise: nil)
            for _ in 0..<6 {
                server.read()
                if server.isActive { server.pipeline.fireChannelRead(child() as any Channel) }
                server.pipeline.fireErrorCaught(InjectedError())
            }
            while children.count > 1 { children.removeFirst().end() }
            let (calls, isActive) = (plan.calls, server.isActive)
            server.read()
            #expect(!isActive || plan.calls > calls, "it accepts no more: \(fault) at \(call)")
            server.end()
            // One connection outlives it.
            children.last?.end()
            loop.run()
        }
    }

    @Test(arguments: Fault.allCases)
    func aWatchedConnectionIsReportedOnce(fault: Fault) async throws {
        let resolver = PeerResolver(try PeerAddresses("127.0.0.1:9,127.0.0.1:10", for: "TEST"))
        try Self.end(ConnectionWatcher(resolver), fault)
        #expect(await resolver.resolve().count == 1)
        #expect(await resolver.resolve().count == 2)
    }

    /// A connection to 127.0.0.1:9 that ends in the middle of a fault, and then once more.
    private static func end(_ watcher: ConnectionWatcher, _ fault: Fault) throws {
        let channel = EmbeddedChannel()
        let handler = FaultHandler(FaultPlan(fault, at: 1)) {
            channel.pipeline.fireChannelInactive()
            return NIOAny(ByteBuffer())
        }
        channel.remoteAddress = try SocketAddress(ipAddress: "127.0.0.1", port: 9)
        try channel.pipeline.syncOperations.addHandlers([handler, watcher])
        channel.pipeline.fireChannelActive()
        channel.flush()
        channel.pipeline.fireChannelInactive()
        channel.end()
    }

    /// A handler that is added to the sources has to be added here.
    @Test func everyHandlerOfTheSourcesIsDriven() throws {
        var driven: Set = ["ConnectionLimit", "ConnectionWatcher"]
        for stream in Corpus.clients {
            let front = try EmbeddedFront(FaultPlan(nil, at: 0), answer: try Corpus.bytes("service-length"))
            try front.run([try Corpus.bytes(stream)])
            driven.formUnion(front.seen)
        }
        let declared = try HandlerTypes.inSources()
        #expect(declared.subtracting(driven).sorted() == [], "not driven")
        #expect(driven.subtracting(declared).sorted() == [], "not found in the sources")
    }
}
