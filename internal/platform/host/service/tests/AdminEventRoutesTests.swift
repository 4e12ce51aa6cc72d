import HTTPTypes
import SoukBroker
import SoukBrokerEmbedded
import SoukCallContext
import SoukDatabase
import SoukEventsRuntime
import SoukHTTPTesting
import SoukIDs
import SoukPagination
import SoukService
import SoukTesting
import Testing

@Suite struct AdminEventRoutesTests {
    /// A service with two dead letters, one of them not JSON.
    private struct Shop {
        let database: any Database
        let respond: @Sendable (HTTPRequest.Method, String, Role) async throws -> (Int, String)
        let folder: TemporaryFolder

        init(away: [String] = []) async throws {
            folder = try TemporaryFolder()
            database = try await TestDatabase.make(EventRuntime.migrations)
            let runtime = EventRuntime(
                service: "toy", database: database,
                broker: try await EmbeddedBroker.open(path: folder.path("events.sqlite")),
                clock: ManualClock())
            for (id, payload) in [("d1", Array(#"{"orderId":[1,null]}"#.utf8)), ("d2", [0xFF, 0x00])] {
                try await database.execute(
                    """
                    INSERT INTO dead_letters (id, consumer, event_id, type, topic, key, headers, payload, error_code, error,
                        attempts, first_failed_at, last_failed_at, status)
                    VALUES (\(id), 'toy', \("e-" + id), 'order.paid.v1', 'orders', 'o', '{}', \(payload), 'x', 'Broken.',
                        3, 0, 0, 'dead')
                    """)
            }
            let administrations = [runtime.administration] + away.map(AwayAdministration.init)
            let caller = TestCaller(register: AdminEventRoutes(administrations).register(on:))
            respond = { method, path, role in
                let answer = try await caller.send(
                    method, "/api/v1/admin/events" + path, as: PlainTokens.token(for: UserID(), role))
                return (answer.status, answer.body)
            }
        }

        func letters() async throws -> Int {
            try await database.scalar("SELECT count(*) FROM dead_letters", as: Int.self) ?? -1
        }
    }

    @Test func summarizes() async throws {
        let shop = try await Shop()
        let (status, body) = try await shop.respond(.get, "", .admin)
        #expect(status == 200)
        #expect(body.contains(#""service":"toy""#))
        #expect(body.contains(#""outbox_depth":0"#))
        #expect(body.contains(#""dead_letters":2"#))
        #expect(body.contains(#""lag":{}"#))
    }

    @Test func aServiceThatIsAwayCostsNobodyElseTheAnswer() async throws {
        let shop = try await Shop(away: ["gone"])
        let (status, body) = try await shop.respond(.get, "", .admin)
        #expect(status == 200)
        #expect(body.contains(#""service":"toy""#))
        #expect(body.contains(#""dead_letters_by_error":{"x":2}"#))
        #expect(body.contains(#""service":"gone""#) && body.contains(#""available":false"#))
        let all = try await shop.respond(.post, "/dead-letters/redrive", .admin)
        #expect(all.0 == 202)
        #expect(all.1.contains(#""redriven":2"#) && all.1.contains(#""unavailable":["gone"]"#))
        for (method, path) in [
            (HTTPRequest.Method.get, "/dead-letters?service=gone"), (.get, "/dead-letters/gone/d1"),
            (.post, "/dead-letters/redrive?service=gone"), (.post, "/dead-letters/gone/d1/redrive"),
            (.delete, "/dead-letters/gone/d1"),
        ] {
            let (status, body) = try await shop.respond(method, path, .admin)
            #expect(status == 503)
            #expect(body.contains("events.unavailable"))
        }
    }

    @Test func listsAndShows() async throws {
        let shop = try await Shop()
        let (status, list) = try await shop.respond(.get, "/dead-letters?service=toy&size=1", .admin)
        #expect(status == 200)
        #expect(list.contains(#""total_count":2"#))
        #expect(list.contains(#""error_code":"x""#))
        #expect(!list.contains("payload"))
        #expect(
            try await shop.respond(.get, "/dead-letters/toy/d1", .admin).1.contains(
                #""payload":{"orderId":[1,null]}"#))
        #expect(
            try await shop.respond(.get, "/dead-letters/toy/d1", .admin).1.contains(#""event_id":"e-d1""#))
        #expect(
            try await shop.respond(.get, "/dead-letters/toy/d2", .admin).1.contains(
                #""payload_base64":"/wA=""#))
    }

    @Test func redrivesAndDiscards() async throws {
        let shop = try await Shop()
        #expect(try await shop.respond(.post, "/dead-letters/toy/d1/redrive", .admin).0 == 202)
        #expect(try await shop.respond(.get, "/dead-letters/toy/d1", .admin).1.contains("redriving"))
        let all = try await shop.respond(.post, "/dead-letters/redrive", .admin)
        #expect(all.0 == 202)
        #expect(all.1.contains(#""redriven":1"#))
        #expect(try await shop.respond(.delete, "/dead-letters/toy/d2", .admin).0 == 204)
        #expect(try await shop.letters() == 1)
        #expect(try await shop.respond(.delete, "/dead-letters/toy/d2", .admin).0 == 404)
    }

    @Test(arguments: [
        ("GET", "/dead-letters", 400), ("GET", "/dead-letters?service=none", 400),
        ("GET", "/dead-letters/toy/none", 404),
        ("GET", "/dead-letters/none/d1", 404), ("POST", "/dead-letters/toy/none/redrive", 404),
        ("POST", "/dead-letters/redrive?service=none", 400), ("GET", "/dead-letters?service=toy&page=0", 400),
    ])
    func refusesWhatIsNotThere(method: String, path: String, status: Int) async throws {
        let shop = try await Shop()
        let method = try #require(HTTPRequest.Method(method))
        #expect(try await shop.respond(method, path, .admin).0 == status)
    }

    @Test(arguments: [Role.vendor, .customer])
    func onlyAdministratorsMay(role: Role) async throws {
        let shop = try await Shop()
        for (method, path) in [
            (HTTPRequest.Method.get, ""), (.get, "/dead-letters?service=toy"), (.get, "/dead-letters/toy/d1"),
            (.post, "/dead-letters/redrive"), (.post, "/dead-letters/toy/d1/redrive"),
            (.delete, "/dead-letters/toy/d1"),
        ] {
            #expect(try await shop.respond(method, path, role).0 == 403)
        }
        #expect(try await shop.letters() == 2)
    }
}

/// A service that can't be reached.
private struct AwayAdministration: EventAdministration {
    let service: String

    func summary(_ context: CallContext) async throws(EventAdministrationError) -> EventSummary {
        throw .unavailable("away")
    }

    func deadLetters(
        _ page: PageRequest, _ context: CallContext
    ) async throws(EventAdministrationError) -> Page<DeadLetter> {
        throw .unavailable("away")
    }

    func deadLetter(
        id: String, _ context: CallContext
    ) async throws(EventAdministrationError) -> DeadLetter? {
        throw .unavailable("away")
    }

    func redrive(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        throw .unavailable("away")
    }

    func redriveAll(_ context: CallContext) async throws(EventAdministrationError) -> Int {
        throw .unavailable("away")
    }

    func discard(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        throw .unavailable("away")
    }
}
