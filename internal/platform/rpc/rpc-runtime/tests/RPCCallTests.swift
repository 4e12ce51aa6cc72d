import GRPCCore
import GRPCInProcessTransport
import SoukCallContext
import SoukErrors
import SoukObservability
import SoukTesting
import Synchronization
import Testing
import Tracing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCCallTests {
    @Test func theServerSeesTheDeadline() async throws {
        let left = Mutex<Duration?>(nil)
        let parts = InProcess { text, context in
            left.withLock { $0 = context.call.context.deadline.map { $0 - .now } }
            return text
        }
        _ = try await parts.run { () async throws in
            try await parts.peer.ask("", CallContext(requestID: "r", deadline: .now + .seconds(20)))
        }
        let seen = try #require(left.withLock { $0 })
        #expect(seen > .seconds(15) && seen <= .seconds(20))
    }

    @Test func withoutADeadlineThereIsADefault() async throws {
        let left = Mutex<Duration?>(nil)
        var options = RPCPeerOptions.patient
        options.defaultTimeout = .seconds(5)
        let parts = InProcess(peerOptions: options) { text, context in
            left.withLock { $0 = context.call.context.deadline.map { $0 - .now } }
            return text
        }
        _ = try await parts.run { try await parts.peer.ask() }
        #expect(try #require(left.withLock { $0 }) <= .seconds(5))
    }

    @Test(arguments: [true, false]) func atTheDeadlineTheCallFailsAndItsHandlerIsCancelled(
        _ idempotent: Bool
    ) async throws {
        let hasStarted = Atomic(false)
        let cancelled = TestSignal()
        let parts = InProcess { text, _ in
            hasStarted.store(true, ordering: .releasing)
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                cancelled.fire()
                throw error
            }
            return text
        }
        try await parts.run { () async throws in
            // On a busy machine a deadline may pass before the call is there.
            var timeout = Duration.milliseconds(200)
            while !hasStarted.load(ordering: .acquiring), timeout < .seconds(10) {
                let start = ContinuousClock.now
                await #expect {
                    _ = try await parts.peer.ask(
                        "", CallContext(requestID: "r", deadline: .now + timeout), idempotent: idempotent)
                } throws: { ($0 as? RPCFailure)?.kind == .timedOut }
                #expect(ContinuousClock.now - start < timeout + .seconds(5))
                timeout *= 2
            }
            await cancelled.wait()
        }
    }

    @Test func aDeadlineThatHasPassedCallsNobody() async throws {
        let parts = InProcess { text, _ in
            Issue.record("was called")
            return text
        }
        try await parts.run { () async throws in
            await #expect {
                _ = try await parts.peer.ask("", CallContext(requestID: "r", deadline: .now - .seconds(1)))
            } throws: { ($0 as? RPCFailure)?.kind == .timedOut }
        }
    }

    @Test func whoGivesUpCancelsTheHandler() async throws {
        let (started, cancelled) = (TestSignal(), TestSignal())
        let parts = InProcess { text, _ in
            started.fire()
            do { try await Task.sleep(for: .seconds(60)) } catch { cancelled.fire() }
            return text
        }
        try await parts.run { () async throws in
            let call = Task { try await parts.peer.ask() }
            await started.wait()
            call.cancel()
            await #expect(throws: RPCFailure.self) { _ = try await call.value }
            await cancelled.wait()
        }
    }

    @Test func anIdempotentCallIsTriedAgainWhenThePeerIsUnavailable() async throws {
        let calls = Atomic(0)
        let parts = InProcess { text, _ in
            guard calls.add(1, ordering: .relaxed).newValue > 2 else {
                throw ServiceError(.unavailable, code: "x", message: "x")
            }
            return text
        }
        #expect(try await parts.run { try await parts.peer.ask("again") } == "again")
        #expect(calls.load(ordering: .relaxed) == 3)
    }

    @Test func anotherCallIsNot() async throws {
        let calls = Atomic(0)
        let parts = InProcess { _, _ in
            calls.add(1, ordering: .relaxed)
            throw ServiceError(.unavailable, code: "x", message: "x")
        }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask(idempotent: false) } throws: {
                ($0 as? RPCFailure)?.code == "x"
            }
        }
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test func attemptsAreBounded() async throws {
        let calls = Atomic(0)
        let parts = InProcess { _, _ in
            calls.add(1, ordering: .relaxed)
            throw ServiceError(.unavailable, code: "x", message: "x")
        }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: { ($0 as? RPCFailure)?.code == "x" }
        }
        #expect(calls.load(ordering: .relaxed) == 3)
    }

    @Test func retriesStopWhileMostCallsFailAndComeBackWithSuccesses() {
        let budget = RetryBudget()
        for _ in 0..<49 { #expect(budget.recordFailure()) }
        #expect(!budget.recordFailure())
        for _ in 0..<1_000 { #expect(!budget.recordFailure()) }
        for _ in 0..<102 { budget.recordSuccess() }
        #expect(!budget.recordFailure())
        for _ in 0..<4 { budget.recordSuccess() }
        #expect(budget.recordFailure())
    }

    @Test func aPeerThatFailsManyCallsIsNotAskedAgain() async throws {
        let calls = Atomic(0)
        let parts = InProcess { _, _ in
            calls.add(1, ordering: .relaxed)
            throw ServiceError(.unavailable, code: "x", message: "x")
        }
        try await parts.run { () async throws in
            for _ in 0..<60 {
                await #expect(throws: RPCFailure.self) { _ = try await parts.peer.ask(idempotent: false) }
            }
            await #expect(throws: RPCFailure.self) { _ = try await parts.peer.ask() }
        }
        #expect(calls.load(ordering: .relaxed) == 61)
    }

    @Test func whatIsNotUnavailableIsNotTriedAgain() async throws {
        let calls = Atomic(0)
        let parts = InProcess { _, _ in
            calls.add(1, ordering: .relaxed)
            throw ServiceError(.conflict, code: "x", message: "x")
        }
        try await parts.run { () async throws in
            await #expect(throws: RPCFailure.self) { _ = try await parts.peer.ask() }
        }
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test func theTraceGoesAlong() async throws {
        SoukObservability.bootstrap()
        let parts = InProcess { _, _ in ServiceContext.current?.traceContext?.traceID.description ?? "none" }
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let context = ServiceContext.topLevel.continuing(traceparent: "00-\(trace)-b7ad6b7169203331-01")
        let seen = try await parts.run { () async throws in
            try await ServiceContext.$current.withValue(context) { try await parts.peer.ask() }
        }
        #expect(seen == trace)
    }

    @Test func aRequestIDThatIsNoneIsReplaced() async throws {
        let parts = InProcess { _, context in context.call.context.requestID }
        let long = String(repeating: "x", count: 200)
        let id = try await parts.run { try await parts.peer.ask("", CallContext(requestID: long)) }
        #expect(id != long && !id.isEmpty)
    }
}
