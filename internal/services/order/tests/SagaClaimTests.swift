import SoukDatabase
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukTesting
import SoukTime
import Testing

@testable import SoukOrder

/// Several processes want one saga.
@Suite struct SagaClaimTests {
    private let store = SagaStore()

    @Test func oneOfManyGetsASagaAndWhoLostItTouchesItNoMore() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let (database, now) = (world.database, world.clock.now())
        try await database.transaction { try await store.set(.cancelIntent, of: id, at: now, in: $0) }
        let claims = (0..<20).map { _ in SagaClaim(until: now + .seconds(60)) }
        let winners = try await withThrowingTaskGroup(of: SagaClaim?.self) { group in
            for claim in claims {
                group.addTask { try await store.claim(id, claim, at: now, in: database) == nil ? nil : claim }
            }
            return try await group.reduce(into: [SagaClaim]()) { if let claim = $1 { $0.append(claim) } }
        }
        #expect(winners.count == 1)
        let first = try #require(winners.first)

        let later = now + .seconds(61)
        let second = SagaClaim(until: later + .seconds(60))
        #expect(try await store.claim(id, second, at: later, in: database) == .cancelIntent)
        try await store.postpone(id, first, from: later, error: "late", in: database)
        #expect(try await store.claim(id, claims[0], at: later, in: database) == nil)
        let steps = try await database.transaction { tx in
            let lost = try await store.step(of: id, heldBy: first, in: tx)
            return [lost, try await store.step(of: id, heldBy: second, in: tx)]
        }
        #expect(steps == [nil, .cancelIntent])
    }

    /// A process whose clock was ten minutes ahead wrote when to go on, or until when it has the saga.
    @Test func nobodyWaitsForATimeThatOnlyAWrongClockCanHaveMeant() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let (database, now) = (world.database, world.clock.now())
        let ahead = now + .seconds(600)
        try await database.transaction { try await store.set(.cancelIntent, of: id, at: ahead, in: $0) }
        #expect(try await store.due(at: now, limit: 10, in: database) == [id])
        let wrong = SagaClaim(until: ahead + .seconds(60))
        #expect(try await store.claim(id, wrong, at: ahead, in: database) == .cancelIntent)
        #expect(try await store.due(at: now, limit: 10, in: database) == [id])
        let right = SagaClaim(until: now + .seconds(60))
        #expect(try await store.claim(id, right, at: now, in: database) == .cancelIntent)
        // What a right clock has written is waited for.
        #expect(try await store.due(at: now, limit: 10, in: database) == [])
        try await store.postpone(id, right, from: now, error: "away", in: database)
        #expect(try await store.due(at: now, limit: 10, in: database) == [])
        #expect(try await store.due(at: now + .seconds(60), limit: 10, in: database) == [id])
    }

    @Test func twoProcessesCarryEachCancellationOutOnce() async throws {
        let world = try await OrderWorld()
        let (one, other) = (try await world.start(), try await world.start())
        let id = try await world.placed(one)
        let statuses = try await withThrowingTaskGroup(of: OrderStatus.self) { group in
            for index in 0..<20 {
                group.addTask {
                    try await (index % 2 == 0 ? one : other).cancellation.cancel(
                        id, of: world.customer, world.context
                    ).order.status
                }
            }
            return try await group.reduce(into: Set<OrderStatus>()) { $0.insert($1) }
        }
        #expect(statuses.isSubset(of: [.cancelling, .cancelled]))
        #expect(try await world.status(id) == .cancelled)
        #expect(try await world.published(OrderCancelled.self).count == 1)
        #expect(try await world.sagaCount() == 0)
    }
}
