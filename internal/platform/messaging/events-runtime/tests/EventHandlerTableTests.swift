import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukEventsRuntime

@Suite struct EventHandlerTableTests {
    private struct Opened: Event {
        static let type = "shop.opened.v1"
        static let topic = "shops"
        var key: String { "shop" }
    }

    private final class Log: Sendable {
        let lines = Mutex<[String]>([])

        func write(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private static let tallies: EventHandlerTable<Log> = [
        .on(Counted.self, isolation: .readCommitted, sharesTransaction: true) { log, event, _, _ in
            log.write("counted \(event.number)")
        },
        .on(Counted.self) { log, _, _, _ in log.write("again") },
        .on(Renamed.self) { log, event, _, _ in log.write("renamed \(event.name)") },
    ]
    private static let all = tallies + [.on(Opened.self) { log, _, _, _ in log.write("opened") }]

    @Test func topicsAreKnownWithoutAnInstance() {
        let tallies = [Counted.type, Renamed.type].map { EventInterest(type: $0, topic: "tallies") }
        #expect(Self.tallies.interests == Set(tallies))
        #expect(
            Self.all.interests == Set(tallies + [EventInterest(type: "shop.opened.v1", topic: "shops")]))
        #expect(([] as EventHandlerTable<Never>).interests.isEmpty)
    }

    @Test func handlersKeepWhatTheTableSays() {
        let handlers = Self.all.bound(to: Log())
        #expect(handlers.map(\.topic) == ["tallies", "tallies", "tallies", "shops"])
        #expect(handlers.map(\.isolation) == [.readCommitted, .serializable, .serializable, .serializable])
        #expect(handlers.map(\.sharesTransaction) == [true, false, false, false])
    }

    @Test func bodiesWorkWithTheInstance() async throws {
        let (log, other) = (Log(), Log())
        let handlers = EventHandler.merged(Self.all.bound(to: log))
        _ = Self.all.bound(to: other)
        let envelope = try EventEnvelope(
            Counted(tallyId: "t", number: 7), id: "e", source: "/souk/toy", time: ManualClock().now(),
            traceparent: nil)
        let context = EventContext(
            eventID: "e", time: envelope.time, attempt: 1, call: CallContext(requestID: "test"))
        let handler = try #require(handlers.first { $0.type == Counted.type })
        let database = try await TestDatabase.make()
        try await database.transaction { try await handler.run(envelope, context, $0) }
        #expect(log.lines.withLock { $0 } == ["counted 7", "again"])
        #expect(other.lines.withLock { $0 }.isEmpty)
    }
}
