import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOCore
import NIOPosix
import SoukCallContext
import SoukEnv
import SoukErrors
import SoukTesting
import Synchronization
import Testing

@testable import SoukRPCRuntime

@Suite(.serialized, .timeLimit(.minutes(2))) struct RPCSocketTests {
    @Test func callsAreSpreadOverAllAddressesAndGoOnWhenOneIsKilled() async throws {
        let (first, second) = (Node { _, _ in "first" }, Node { _, _ in "second" })
        let (firstPort, secondPort) = (try await first.port, try await second.port)
        let peer = try peer("127.0.0.1:\(firstPort),127.0.0.1:\(secondPort)")
        try await running([peer]) { () async throws in
            // Both connections are there once both have answered.
            var names: Set<String> = []
            #expect(
                try await eventually {
                    names.insert(try await peer.ask())
                    return names.count == 2
                })
            var counts: [String: Int] = [:]
            for _ in 0..<20 { counts[try await peer.ask(), default: 0] += 1 }
            // In turns; a look at the addresses in between may begin the turn anew.
            #expect(counts["first", default: 0] >= 8 && counts["second", default: 0] >= 8, "\(counts)")

            await first.kill()
            for _ in 0..<20 { #expect(try await peer.ask() == "second") }

            let third = Node(port: firstPort) { _, _ in "third" }
            #expect(try await eventually { try await peer.ask() == "third" })
            await third.kill()
        }
        await second.kill()
    }

    @Test func aStoppedPeerFailsFastAndIsFoundAgainWhenItIsBack() async throws {
        let node = Node()
        let port = try await node.port
        let peer = try peer("127.0.0.1:\(port)", options: .impatient)
        try await running([peer]) { () async throws in
            #expect(try await eventually { (try? await peer.ask("a")) == "a" })
            await node.stop()
            await node.stopped()
            for idempotent in [true, false] {
                let start = ContinuousClock.now
                await #expect { _ = try await peer.ask(idempotent: idempotent) } throws: {
                    ($0 as? RPCFailure)?.kind == .unavailable
                }
                #expect(ContinuousClock.now - start < .seconds(5))
            }
            let back = Node(port: port)
            #expect(try await eventually { (try? await peer.ask("b")) == "b" })
            await back.kill()
        }
    }

    @Test func aPeerThatWasNeverThereIsFoundWhenItComes() async throws {
        let node = Node()
        let port = try await node.port
        await node.kill()
        let peer = try peer("127.0.0.1:\(port)", options: .impatient)
        try await running([peer]) { () async throws in
            await #expect { _ = try await peer.ask() } throws: { ($0 as? RPCFailure)?.kind == .unavailable }
            let late = Node(port: port)
            #expect(try await eventually { (try? await peer.ask("b")) == "b" })
            await late.kill()
        }
    }

    @Test(arguments: [true, false]) func aPeerThatDoesNotSpeakFailsInBoundedTime(_ idempotent: Bool)
        async throws
    {
        // It takes connections and never says a word: no refusal tells that nobody is there.
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let peer = try peer("127.0.0.1:\(port)", options: .impatient)
        try await running([peer]) { () async throws in
            let start = ContinuousClock.now
            await #expect { _ = try await peer.ask(idempotent: idempotent) } throws: {
                ($0 as? RPCFailure)?.kind == .unavailable
            }
            #expect(ContinuousClock.now - start < .seconds(5))
        }
        try await listener.close().get()
    }

    @Test func aNameThatCanNotBeResolvedFailsInBoundedTime() async throws {
        let peer = try peer("no-such-host.invalid:9101", options: .impatient)
        try await running([peer]) { () async throws in
            let start = ContinuousClock.now
            await #expect { _ = try await peer.ask() } throws: { ($0 as? RPCFailure)?.kind == .unavailable }
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func aRunningCallIsFinishedWhenTheServerShutsDown() async throws {
        let (started, release) = (TestSignal(), TestSignal())
        let node = Node { text, _ in
            started.fire()
            await release.wait()
            try Task.checkCancellation()
            return text
        }
        let peer = try peer("127.0.0.1:\(await node.port)")
        try await running([peer]) { () async throws in
            async let answer = peer.ask("drained")
            await started.wait()
            await node.stop()
            #expect(node.server.health.status() == .notServing)
            release.fire()
            #expect(try await answer == "drained")
            await node.stopped()
        }
    }

    @Test func drainingIsBounded() async throws {
        var options = RPCServerOptions()
        options.drainTime = .milliseconds(200)
        let started = TestSignal()
        let node = Node(options: options) { text, _ in
            started.fire()
            try await Task.sleep(for: .seconds(60))
            return text
        }
        let peer = try peer("127.0.0.1:\(await node.port)")
        try await running([peer]) { () async throws in
            let call = Task { try await peer.ask(idempotent: false) }
            await started.wait()
            let start = ContinuousClock.now
            await node.stop()
            await node.stopped()
            #expect(ContinuousClock.now - start < .seconds(4))
            await #expect(throws: RPCFailure.self) { _ = try await call.value }
        }
    }

    @Test func aConnectionThatGetsOldIsReplacedWithoutALostCall() async throws {
        var options = RPCServerOptions()
        options.maxConnectionAge = .milliseconds(300)
        let connections = Mutex<Set<String>>([])
        let node = Node(options: options) { text, context in
            connections.withLock { _ = $0.insert(context.remotePeer) }
            return text
        }
        let peer = try peer("127.0.0.1:\(await node.port)")
        try await running([peer]) { () async throws in
            let end = ContinuousClock.now + .seconds(2)
            while ContinuousClock.now < end { #expect(try await peer.ask("a") == "a") }
            #expect(connections.withLock { $0.count } > 1)
        }
        await node.kill()
    }

    @Test func aRequestThatIsTooLongIsRefusedBeforeItIsSent() async throws {
        let calls = Atomic(0)
        let node = Node { text, _ in
            calls.add(1, ordering: .relaxed)
            return text
        }
        var options = RPCPeerOptions.patient
        options.maxMessageBytes = 1_000
        let peer = try peer("127.0.0.1:\(await node.port)", options: options)
        try await running([peer]) { () async throws in
            // The length is in front of the text, after the field's tag.
            #expect(try await peer.ask(String(repeating: "x", count: 997)).count == 997)
            await #expect { _ = try await peer.ask(String(repeating: "x", count: 998)) } throws: {
                ($0 as? RPCFailure)?.kind == .tooLarge && ($0 as? RPCFailure)?.code == "rpc.message_too_large"
            }
            #expect(try await peer.ask("still there") == "still there")
        }
        #expect(calls.load(ordering: .relaxed) == 2)
        await node.kill()
    }

    @Test func theServerTakesNoLongerMessagesEither() async throws {
        var options = RPCServerOptions()
        options.maxMessageBytes = 1_000
        let calls = Atomic(0)
        let node = Node(options: options) { text, _ in
            calls.add(1, ordering: .relaxed)
            return text
        }
        let peer = try peer("127.0.0.1:\(await node.port)")
        try await running([peer]) { () async throws in
            #expect(try await peer.ask(String(repeating: "x", count: 900)).count == 900)
            // The transport resets the stream and says no more.
            await #expect(throws: RPCFailure.self) {
                _ = try await peer.ask(String(repeating: "x", count: 2_000), idempotent: false)
            }
            #expect(try await peer.ask("still there") == "still there")
        }
        #expect(calls.load(ordering: .relaxed) == 2)
        await node.kill()
    }

    @Test func manyCallsShareAConnection() async throws {
        let node = Node()
        let peer = try peer("127.0.0.1:\(await node.port)")
        try await running([peer]) { () async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let answer = try await peer.ask("\(number)")
                        #expect(answer == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
        await node.kill()
    }
}
