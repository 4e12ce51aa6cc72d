import HTTPTypes
import Hummingbird
import SoukAPI
import SoukDatabase
import SoukErrors
import SoukHTTP
import SoukHTTPTesting
import SoukIdempotency
import SoukTesting
import SoukTime
import Synchronization
import Testing

/// A body with one field.
private struct Greeting: SoukAPI.RequestBody {
    let name: String

    init(_ fields: FieldReader) {
        name = fields.string("name", length: 1...20)
    }
}

/// A route under an idempotency key whose handler counts its runs and does as planned.
final class IdempotentShop: Sendable {
    let clock = ManualClock()
    let database: any Database
    let idempotency: Idempotency
    private let runs = Mutex(0)
    private let plan: @Sendable (Int) async throws -> Reply

    var count: Int { runs.withLock { $0 } }

    init(
        limits: Idempotency.Limits = Idempotency.Limits(),
        _ plan: @escaping @Sendable (Int) async throws -> Reply
    ) async throws {
        database = try await TestDatabase.make(Idempotency.migrations)
        idempotency = Idempotency(database: database, clock: clock, limits: limits)
        self.plan = plan
    }

    func register(_ routes: Routes) {
        for path: RouterPath in ["/buy/{what}", "/sell/{what}"] {
            routes.user.post(path) { request, context in
                try await self.idempotency.run(request, context) { request, key in
                    let run = self.runs.withLock { runs in
                        runs += 1
                        return runs
                    }
                    #expect(!key.isEmpty)
                    _ = try await request.body(Greeting.self)
                    return try await self.plan(run)
                } rereading: { request, subject in
                    let greeting = try await request.body(Greeting.self)
                    return try Reply.ok("\(subject) of \(greeting.name) by now", version: 9)
                }
            }
        }
        routes.user.post("/loose") { request, context in
            try await self.idempotency.run(request, context, required: false) { _, key in
                try Reply.ok(key)
            } rereading: { _, _ in
                try Reply.ok("")
            }
        }
    }

    func rows() async throws -> Int {
        try await database.scalar("SELECT count(*) FROM idempotency_keys", as: Int.self) ?? -1
    }
}

@Suite(.timeLimit(.minutes(1))) struct IdempotencyTests {
    private func key(_ key: String) -> HTTPFields { [.idempotencyKey: key] }
    private let ann = #"{"name": "Ann"}"#

    @Test func theSameRequestGetsTheSameAnswer() async throws {
        let shop = try await IdempotentShop {
            try Reply.created("order \($0)", location: "/orders/\($0)", version: 7)
        }
        try await withRoutes(shop.register) { client async throws in
            let first = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            let second = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(first.status == 201)
            #expect(first.headers[.idempotencyReplayed] == nil)
            #expect(second.status == 201)
            #expect(second.body == first.body)
            for name in [HTTPField.Name.location, .eTag, .contentType] {
                #expect(second.headers[name] == first.headers[name])
                #expect(second.headers[name] != nil)
            }
            #expect(second.headers[.idempotencyReplayed] == "true")
        }
        #expect(shop.count == 1)
    }

    @Test func keysBelongToCallerAndRoute() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            for (path, token) in [("/buy/hat", "customer"), ("/buy/hat", "other"), ("/sell/hat", "customer")]
            {
                let answer = try await client.post(path, as: token, json: ann, headers: key("k"))
                #expect(answer.headers[.idempotencyReplayed] == nil)
            }
        }
        #expect(shop.count == 3)
    }

    @Test func anotherRequestUnderTheKeyIsRefused() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 200)
            for (path, json) in [("/buy/hat", #"{"name": "Bob"}"#), ("/buy/cap", ann)] {
                let answer = try await client.post(path, as: "customer", json: json, headers: key("k"))
                #expect(answer.status == 422)
                #expect(answer.code == "idempotency_key.reused")
            }
        }
        #expect(shop.count == 1)
    }

    @Test func theKeyMustBeSentAndPrintable() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            let missing = try await client.post("/buy/hat", as: "customer", json: ann)
            #expect(missing.status == 400)
            #expect(missing.code == "idempotency_key.missing")
            for bad in ["", "é", String(repeating: "a", count: 256)] {
                let answer = try await client.post("/buy/hat", as: "customer", json: ann, headers: key(bad))
                #expect(answer.status == 400)
                #expect(answer.code == "idempotency_key.invalid")
            }
            let longest = try await client.post(
                "/buy/hat", as: "customer", json: ann, headers: key(String(repeating: "a", count: 255)))
            #expect(longest.status == 200)
            let loose = try await client.post("/loose", as: "customer", json: ann)
            let again = try await client.post("/loose", as: "customer", json: ann)
            #expect(loose.status == 200)
            #expect(loose.body != again.body)
        }
        #expect(try await shop.rows() == 1)
    }

    @Test func fiftyAtOnceRunOnce() async throws {
        let shop = try await IdempotentShop { try Reply.ok("order \($0)") }
        let statuses = try await withRoutes(shop.register) { client async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let answer = try await client.post(
                            "/buy/hat", as: "customer", json: #"{"name": "Ann"}"#,
                            headers: [.idempotencyKey: "k"])
                        if answer.status == 409 {
                            #expect(answer.code == "idempotency_key.running")
                            #expect(answer.headers[.retryAfter] == "1")
                        } else {
                            #expect(try answer.data(String.self) == "order 1")
                        }
                        return answer.status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(shop.count == 1)
        #expect(statuses.allSatisfy { $0 == 200 || $0 == 409 })
        #expect(statuses.contains(200))
    }

    @Test func whileTheFirstRunsOthersWait() async throws {
        let started = TestSignal()
        let finish = TestSignal()
        let shop = try await IdempotentShop { run in
            started.fire()
            await finish.wait()
            return try Reply.ok(run)
        }
        try await withRoutes(shop.register) { client async throws in
            async let first = client.post(
                "/buy/hat", as: "customer", json: #"{"name": "Ann"}"#, headers: [.idempotencyKey: "k"])
            await started.wait()
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 409)
            let other = try await client.post(
                "/buy/hat", as: "customer", json: #"{"name": "Bob"}"#, headers: key("k"))
            #expect(other.status == 422)
            finish.fire()
            #expect(try await first.status == 200)
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 200)
        }
        #expect(shop.count == 1)
    }

    @Test func aRequestThatMayTakeLongHoldsItsKeyAsLong() async throws {
        let started = TestSignal()
        let finish = TestSignal()
        let shop = try await IdempotentShop { run in
            started.fire()
            if run == 1 { await finish.wait() }
            return try Reply.ok(run)
        }
        var options = HTTPOptions()
        options.requestTimeout = .seconds(300)
        try await withRoutes(options: options, shop.register) { client async throws in
            async let first = client.post(
                "/buy/hat", as: "customer", json: #"{"name": "Ann"}"#, headers: [.idempotencyKey: "k"])
            await started.wait()
            shop.clock.advance(by: .seconds(299))
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 409)
            finish.fire()
            #expect(try await first.status == 200)
        }
        #expect(shop.count == 1)
    }

    @Test(arguments: ErrorKind.allCases)
    func refusalsAndFailuresFreeTheKey(kind: ErrorKind) async throws {
        let shop = try await IdempotentShop { run in
            if run == 1 { throw ServiceError(kind, code: "test", message: "Not now.") }
            return try Reply.ok(run)
        }
        try await withRoutes(shop.register) { client async throws in
            let first = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(first.status == kind.httpStatus)
            let second = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(second.status == 200)
            #expect(second.headers[.idempotencyReplayed] == nil)
        }
        #expect(shop.count == 2)
    }

    @Test func aRequestThatTimesOutFreesTheKey() async throws {
        let hang = TestSignal()
        let shop = try await IdempotentShop { run in
            if run == 1 {
                await withTaskCancellationHandler {
                    await hang.wait()
                } onCancel: {
                    hang.fire()
                }
                try Task.checkCancellation()
            }
            return try Reply.ok(run)
        }
        var options = HTTPOptions()
        options.requestTimeout = .milliseconds(200)
        try await withRoutes(options: options, shop.register) { client async throws in
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 504)
        }
        // The second one gets all the time that a busy machine may need.
        try await withRoutes(shop.register) { client async throws in
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 200)
        }
    }

    @Test func deadRunsAreDroppedAtStartAndWhenTheirLeaseRunsOut() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            _ = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            let abandon: SQL = """
                UPDATE idempotency_keys
                SET state = 'running', locked_until = \(shop.clock.now() + Idempotency.lease)
                """
            try await shop.database.execute(abandon)
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 409)
            shop.clock.advance(by: Idempotency.lease)
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 200)
            #expect(shop.count == 2)

            // No lease is as long: it was given by a process whose clock was ahead.
            let ahead = shop.clock.now() + .seconds(600)
            try await shop.database.execute(
                "UPDATE idempotency_keys SET state = 'running', locked_until = \(ahead + Idempotency.lease)")
            #expect(
                try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k")).status == 200)
            #expect(shop.count == 3)

            try await shop.database.execute(abandon)
            try await shop.idempotency.recover()
            #expect(try await shop.rows() == 0)
        }
    }

    @Test func answersAreForgottenAfterADay() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            _ = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            shop.clock.advance(by: Idempotency.retention - .seconds(1))
            try await shop.idempotency.purge()
            let replayed = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(replayed.headers[.idempotencyReplayed] == "true")
            shop.clock.advance(by: .seconds(1))
            let fresh = try await client.post(
                "/buy/hat", as: "customer", json: #"{"name": "Bob"}"#, headers: key("k"))
            #expect(fresh.status == 200)
            #expect(shop.count == 2)
            shop.clock.advance(by: Idempotency.retention)
            try await shop.idempotency.purge()
            #expect(try await shop.rows() == 0)
        }
    }
}
