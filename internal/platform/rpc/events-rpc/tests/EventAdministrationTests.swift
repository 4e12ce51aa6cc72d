import SoukBroker
import SoukBrokerEmbedded
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukEventsRuntime
import SoukHTTPTesting
import SoukIDs
import SoukPagination
import SoukRPCTesting
import SoukTesting
import SoukTime
import Testing

@testable import SoukEventsRPC

/// What an ``EventAdministration`` promises, on every route that leads to it.
@Suite struct EventAdministrationTests {
    /// A service with one event in its outbox, two messages before it, and three dead letters, `d3` the newest.
    private struct Toy: Sendable {
        let database: any Database
        let administration: any EventAdministration
        /// For an admin.
        let call = Toy.call(.admin)
        private let broker: EmbeddedBroker
        private let folder: TemporaryFolder

        static func call(_ role: Role) -> CallContext {
            let user = UserID()
            return CallContext(
                requestID: "test", principal: Principal(userID: user, roles: [role], sessionID: "session"),
                proof: AccessToken(PlainTokens.token(for: user, role)), deadline: .now + .seconds(60))
        }

        init() async throws {
            folder = try TemporaryFolder()
            broker = try await EmbeddedBroker.open(path: folder.path("broker.sqlite"))
            database = try await TestDatabase.make(EventRuntime.migrations)
            administration =
                EventRuntime(service: "toy", database: database, broker: broker, clock: ManualClock())
                .administration
            let subscription = try await broker.subscribe(
                to: ["orders"], group: "toy", options: SubscriptionOptions())
            await subscription.close()
            try await broker.publish(
                ["m1", "m2"].map { BrokerMessage(id: $0, key: "k", payload: []) }, to: "orders")
            try await database.execute(
                """
                INSERT INTO outbox (event_id, topic, key, type, source, time, data)
                VALUES ('o1', 'toys', 'k', 'toy.made.v1', '/souk/toy', 0, \([UInt8]("{}".utf8)))
                """)
            for (id, type, code) in [
                ("d1", "order.paid.v1", "stock.missing"), ("d2", nil, "unknown"),
                ("d3", "order.paid.v1", "stock.missing"),
            ] {
                try await database.execute(
                    """
                    INSERT INTO dead_letters (id, consumer, event_id, type, topic, key, headers, payload, error_code,
                        error, attempts, first_failed_at, last_failed_at, status)
                    VALUES (\(id), 'toy', \("e-" + id), \(type), 'orders', 'o', \(#"{"traceparent":"00-1"}"#),
                        \([0xFF, 0x00] as [UInt8]), \(code), 'Broken.', 3, 1000001, 2000002, 'dead')
                    """)
            }
        }
    }

    private static func run(
        _ route: KernelRoute, as caller: String = "gateway",
        _ body: (Toy, any EventAdministration) async throws -> Void
    ) async throws {
        let toy = try await Toy()
        try await route.run(
            local: toy.administration,
            .eventAdministration(toy.administration, administrators: ["gateway"]), of: "toy", as: caller,
            verifier: PlainTokens(),
            inProcess: { RemoteEventAdministration($0) }, socket: { RemoteEventAdministration($0) }
        ) { try await body(toy, $0) }
    }

    @Test(arguments: KernelRoute.allCases) func tellsHowFarTheServiceHasGot(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            #expect(administration.service == "toy")
            let summary = try await administration.summary(toy.call)
            #expect(
                summary
                    == EventSummary(
                        outboxDepth: 1, lag: ["orders": 2],
                        deadLettersByError: ["stock.missing": 2, "unknown": 1]))
            #expect(summary.deadLetters == 3)
        }
    }

    @Test(arguments: KernelRoute.allCases) func listsInPagesNewestFirst(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            let first = try await administration.deadLetters(PageRequest(page: 1, size: 2), toy.call)
            #expect(first.items.map(\.id) == ["d3", "d2"])
            #expect((first.totalCount, first.totalPages, first.hasMore) == (3, 2, true))
            let last = try await administration.deadLetters(PageRequest(page: 2, size: 2), toy.call)
            #expect(last.items.map(\.id) == ["d1"] && !last.hasMore)
            let beyond = try await administration.deadLetters(PageRequest(page: .max / 2, size: 2), toy.call)
            #expect(beyond.items.isEmpty && beyond.totalCount == 3)
        }
    }

    @Test(arguments: KernelRoute.allCases) func showsAllOfALetter(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            let letter = try await administration.deadLetter(id: "d2", toy.call)
            #expect(
                letter
                    == DeadLetter(
                        id: "d2", consumer: "toy", eventID: "e-d2", type: nil, topic: "orders", key: "o",
                        headers: ["traceparent": "00-1"], payload: [0xFF, 0x00], errorCode: "unknown",
                        error: "Broken.", attempts: 3, firstFailedAt: Timestamp(microseconds: 1_000_001),
                        lastFailedAt: Timestamp(microseconds: 2_000_002), status: .dead))
            #expect(try await administration.deadLetter(id: "d1", toy.call)?.type == "order.paid.v1")
            #expect(try await administration.deadLetter(id: "d4", toy.call) == nil)
        }
    }

    @Test(arguments: KernelRoute.allCases) func redrivesOneOrAll(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            // Repeating it is harmless.
            for _ in 0..<2 { #expect(try await administration.redrive(id: "d2", toy.call)) }
            #expect(try await administration.deadLetter(id: "d2", toy.call)?.status == .redriving)
            #expect(try await administration.deadLetter(id: "d1", toy.call)?.status == .dead)
            let isMarked = try await administration.redrive(id: "d4", toy.call)
            #expect(!isMarked)
            #expect(try await administration.redriveAll(toy.call) == 2, "those that were not marked")
            #expect(try await administration.redriveAll(toy.call) == 0)
            let letters = try await administration.deadLetters(PageRequest(), toy.call)
            #expect(letters.items.map(\.status) == [.redriving, .redriving, .redriving])
        }
    }

    @Test(arguments: KernelRoute.allCases) func discardsForGood(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            let isDiscarded = try await administration.discard(id: "d1", toy.call)
            #expect(isDiscarded)
            let isDiscardedAgain = try await administration.discard(id: "d1", toy.call)
            #expect(!isDiscardedAgain)
            let isUnknownDiscarded = try await administration.discard(id: "d4", toy.call)
            #expect(!isUnknownDiscarded)
            let isRedriven = try await administration.redrive(id: "d1", toy.call)
            #expect(!isRedriven)
            #expect(
                try await administration.summary(toy.call).deadLettersByError == [
                    "stock.missing": 1, "unknown": 1,
                ])
        }
    }

    /// Everything that can be asked.
    private static func calls(
        _ administration: any EventAdministration, _ call: CallContext
    ) -> [() async throws -> Void] {
        [
            { _ = try await administration.summary(call) },
            { _ = try await administration.deadLetters(PageRequest(), call) },
            { _ = try await administration.deadLetter(id: "d1", call) },
            { _ = try await administration.redrive(id: "d1", call) },
            { _ = try await administration.redriveAll(call) },
            { _ = try await administration.discard(id: "d1", call) },
        ]
    }

    @Test(arguments: [KernelRoute.inProcess, .socket])
    func onlyTheGatewayMayCall(route: KernelRoute) async throws {
        try await Self.run(route, as: "order") { toy, administration in
            for call in Self.calls(administration, toy.call) {
                await #expect(throws: EventAdministrationError.self) { try await call() }
            }
            let letters = try await toy.administration.deadLetters(PageRequest(), toy.call)
            #expect(letters.items.map(\.status) == [.dead, .dead, .dead])
        }
    }

    /// The gateway's word for an admin is not enough: every call carries the admin's token.
    @Test(arguments: [KernelRoute.inProcess, .socket])
    func theGatewayCallsForAdminsOnly(route: KernelRoute) async throws {
        let admin = Principal(userID: UserID(), roles: [.admin], sessionID: "session")
        try await Self.run(route) { toy, administration in
            for context in [
                Toy.call(.customer), .background("test"), CallContext(requestID: "test", principal: admin),
            ] {
                for call in Self.calls(administration, context) {
                    await #expect(throws: EventAdministrationError.self) { try await call() }
                }
            }
            let letters = try await toy.administration.deadLetters(PageRequest(), toy.call)
            #expect(letters.items.map(\.status) == [.dead, .dead, .dead])
        }
    }

    @Test(arguments: KernelRoute.allCases) func saysWhenItCannotTell(route: KernelRoute) async throws {
        try await Self.run(route) { toy, administration in
            await toy.database.close()
            for call in Self.calls(administration, toy.call) {
                await #expect(throws: EventAdministrationError.self) { try await call() }
            }
        }
    }
}
