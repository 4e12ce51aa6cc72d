import SoukCallContext
import SoukErrors
import SoukIDs
import Testing

private struct Broken: Error {}

/// Not sendable on purpose: bodies may touch what their caller owns.
private final class Box {
    var value = 0
}

@Suite struct CallContextTests {
    private var past: CallContext {
        CallContext(requestID: "r", deadline: .now - .seconds(1))
    }

    private var far: CallContext {
        CallContext(requestID: "r", deadline: .now + .seconds(3_600))
    }

    private var near: CallContext {
        CallContext(requestID: "r", deadline: .now + .milliseconds(20))
    }

    @Test func rolesAreExact() {
        let principal = Principal(userID: UserID(), roles: [.admin], sessionID: "s")
        #expect(principal.has(.admin))
        #expect(!principal.has(.vendor))
    }

    @Test func backgroundHasNoCaller() throws {
        let context = CallContext.background("order.expiry")
        #expect(context.requestID == "order.expiry")
        #expect(context.principal == nil)
        try context.checkDeadline()
    }

    @Test func passedDeadlinesThrow() throws {
        try far.checkDeadline()
        #expect(throws: ServiceError.deadlineExceeded()) { try past.checkDeadline() }
    }

    @Test func bodyRunsWithoutDeadline() async throws {
        #expect(try await withDeadline(.background("x")) { 7 } == 7)
    }

    @Test func bodyKeepsItsResultAndErrorBeforeTheDeadline() async throws {
        let box = Box()
        let result = try await withDeadline(far) {
            await Task.yield()
            box.value += 1
            return box
        }
        #expect(result.value == 1)
        await #expect(throws: Broken.self) { try await withDeadline(far) { throw Broken() } }
    }

    @Test func bodyIsNotStartedAfterTheDeadline() async {
        let box = Box()
        await #expect(throws: ServiceError.deadlineExceeded()) {
            try await withDeadline(past) { box.value += 1 }
        }
        #expect(box.value == 0)
    }

    @Test(.timeLimit(.minutes(1))) func bodyIsCancelledAtTheDeadline() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        do {
            try await withDeadline(near) {
                for await _ in stream {}
                try Task.checkCancellation()
            }
            Issue.record("the deadline was passed over")
        } catch let error as ServiceError {
            #expect(error.kind == .timedOut)
            #expect(error.code == "deadline.exceeded")
        }
        continuation.finish()
    }

    @Test(.timeLimit(.minutes(1))) func resultThatComesInSpiteOfCancellationCounts() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let result = try await withDeadline(near) {
            for await _ in stream {}
            return "committed"
        }
        #expect(result == "committed")
        continuation.finish()
    }

    @Test(.timeLimit(.minutes(1))) func cancellationOfTheCallerIsNotATimeout() async {
        let context = far
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await withDeadline(context) {
                for await _ in stream {}
                try Task.checkCancellation()
            }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        continuation.finish()
    }

    @MainActor @Test func bodyStaysWithItsActor() async throws {
        let box = Box()
        try await withDeadline(far) {
            MainActor.assertIsolated()
            box.value = 3
        }
        #expect(box.value == 3)
    }
}
