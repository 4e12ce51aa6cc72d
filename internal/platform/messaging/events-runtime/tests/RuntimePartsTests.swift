import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukTesting
import SoukTime
import Testing

@testable import SoukEventsRuntime

private struct Unlucky: Error {}

@Suite(.timeLimit(.minutes(1)))
struct RuntimePartsTests {
    @Test(arguments: [
        (DatabaseError(.connection, detail: nil) as any Error, HandlerFailure.outage),
        (DatabaseError(.closed, detail: nil), .outage),
        (DatabaseError(.busy, detail: nil), .outage),
        (DatabaseError(.full, detail: nil), .outage),
        (DatabaseError(.cancelled, detail: nil), .outage),
        (CancellationError(), .outage),
        (DatabaseError(.uniqueViolation(constraint: "t.c"), detail: nil), .permanent),
        (DatabaseError(.decoding, detail: nil), .retryable),
        (EnvelopeError.undecodableData(type: "t", reason: "r"), .permanent),
        (ServiceError(.unavailable, code: "c", message: "m"), .retryable),
        (ServiceError(.notFound, code: "c", message: "m"), .permanent),
        (ValidationError(field: "f", code: "c", message: "m"), .permanent),
        (Unlucky(), .retryable),
    ])
    func `an error says what becomes of its event`(error: any Error, expected: HandlerFailure) {
        #expect(HandlerFailure(error) == expected)
    }

    @Test func `waits double up to the bound and are drawn from all below`() {
        let policy = RetryPolicy()
        let ceilings = (1...10).map { policy.ceiling(afterFailures: $0) }
        #expect(
            ceilings == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1_600),
                .milliseconds(3_200), .milliseconds(6_400), .milliseconds(12_800), .milliseconds(25_600),
                .seconds(30), .seconds(30),
            ])
        #expect(policy.ceiling(afterFailures: .max) == .seconds(30))
        let delays = (0..<1_000).map { _ in policy.delay(afterFailures: 3) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .milliseconds(800) })
        #expect(delays.contains { $0 < .milliseconds(200) } && delays.contains { $0 > .milliseconds(600) })
    }

    @Test func `crash points are read from name and turn`() {
        #expect(CrashPoint.parse("relay.after_publish")?.point == .relayAfterPublish)
        #expect(CrashPoint.parse("relay.after_publish")?.turn == 1)
        #expect(CrashPoint.parse("consumer.after_handler:12")?.turn == 12)
        for text in ["", ":3", "a:", "a:0", "a:-1", "a:b", "a:1:2"] { #expect(CrashPoint.parse(text) == nil) }
        #expect(Set(CrashPoint.eventPoints).count == 5)
    }

    @Test func `a long error is cut`() {
        let error = ServiceError(.conflict, code: "c", message: String(repeating: "x", count: 5_000))
        #expect(FailureDescription(error).text.count == 2_000)
    }

    @Test func `failures are counted apart from outages`() {
        let tracker = FailureTracker()
        let key = FailureTracker.Key(topic: "t", messageID: "1")
        let time = Timestamp(microseconds: 5)
        #expect(tracker.postponed(key) == 1)
        #expect(tracker.postponed(key) == 2)
        #expect(tracker.attempts(key) == 0)
        #expect(tracker.failed(key, at: time).attempts == 1)
        let second = tracker.failed(key, at: time + .seconds(1))
        #expect(second.attempts == 2)
        #expect(second.firstFailedAt == time)
        #expect(second.lastFailedAt == time + .seconds(1))
        #expect(tracker.postponed(key) == 1)
        tracker.forget(key)
        #expect(tracker.attempts(key) == 0)
    }

    @Test func `a signal before the wait is not lost, and cancelling ends one`() async {
        let wakeup = Wakeup()
        wakeup.signal()
        await wakeup.wait()
        let waiting = Task { await wakeup.wait() }
        waiting.cancel()
        await waiting.value
        let clock = ManualClock()
        let timed = Task { await wakeup.wait(atMost: .seconds(1), clock) }
        await clock.sleepers()
        clock.advance(by: .seconds(1))
        await timed.value
        wakeup.finish()
        await wakeup.wait()
        #expect(wakeup.isFinished)
    }

    @Test func `a key is in one pair of hands at a time`() async {
        let gate = KeyGate()
        let key = KeyGate.Key(topic: "t", key: "k")
        let inside = Switch(false)
        await withDiscardingTaskGroup { tasks in
            for _ in 0..<50 {
                tasks.addTask {
                    await gate.withTurn(key) {
                        #expect(!inside.isOn)
                        inside.turn(on: true)
                        for _ in 0..<5 { await Task.yield() }
                        inside.turn(on: false)
                    }
                }
            }
        }
    }

    @Test func `the schema for PostgreSQL has none of SQLite's words`() {
        for statement in EventRuntime.migrations.flatMap({ $0.statements(for: .postgres) }) {
            for word in ["AUTOINCREMENT", "STRICT", "ROWID", " INTEGER", " BLOB"] {
                #expect(!statement.contains(word), "\(word) in \(statement)")
            }
        }
    }
}
