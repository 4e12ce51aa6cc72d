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
import Testing

/// What one caller can have kept under idempotency keys.
@Suite(.timeLimit(.minutes(1))) struct IdempotencyLimitTests {
    private func key(_ key: String) -> HTTPFields { [.idempotencyKey: key] }
    private let ann = #"{"name": "Ann"}"#
    private let large = String(repeating: "x", count: Idempotency.largestKeptBody + 1)

    private func bytes(_ shop: IdempotentShop) async throws -> Int {
        try await shop.database.scalar(
            "SELECT CAST(COALESCE(SUM(length(body)), 0) AS BIGINT) FROM idempotency_keys", as: Int.self) ?? -1
    }

    @Test func aLargeResponseIsReadAgainInsteadOfKept() async throws {
        let shop = try await IdempotentShop { [large] _ in
            try Reply.created(large, location: "/orders/7", version: 1).about("order 7")
        }
        try await withRoutes(shop.register) { client async throws in
            let first = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(try first.data(String.self) == large)
            let second = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
            #expect(second.status == 201)
            #expect(try second.data(String.self) == "order 7 of Ann by now")
            #expect(second.headers[.location] == "/orders/7")
            #expect(second.headers[.eTag] == "\"9\"")
            #expect(second.headers[.idempotencyReplayed] == "true")
            let other = try await client.post(
                "/buy/hat", as: "customer", json: #"{"name": "Bob"}"#, headers: key("k"))
            #expect(other.status == 422)
        }
        #expect(shop.count == 1)
        #expect(try await bytes(shop) == 0)
    }

    @Test func whatChangedNothingIsNotKept() async throws {
        let shop = try await IdempotentShop { try Reply.ok($0).changing(false) }
        try await withRoutes(shop.register) { client async throws in
            for run in 1...3 {
                let answer = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
                #expect(try answer.data(Int.self) == run)
                #expect(answer.headers[.idempotencyReplayed] == nil)
            }
        }
        #expect(try await shop.rows() == 0)
    }

    @Test func refusalsAreNotKept() async throws {
        let shop = try await IdempotentShop { run in
            if run == 1 { throw ServiceError(.unprocessable, code: "test", message: "Not like this.") }
            return Reply(status: .notFound)
        }
        try await withRoutes(shop.register) { client async throws in
            for status in [422, 404] {
                let answer = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("k"))
                #expect(answer.status == status)
            }
        }
        #expect(try await shop.rows() == 0)
    }

    @Test func theKeysOfACallerAreLimited() async throws {
        var limits = Idempotency.Limits()
        limits.keys = 3
        let shop = try await IdempotentShop(limits: limits) { try Reply.ok($0) }
        try await withRoutes(shop.register) { client async throws in
            for number in 1...3 {
                let path = number == 2 ? "/sell/hat" : "/buy/hat"
                let answer = try await client.post(
                    path, as: "customer", json: ann, headers: key("\(number)"))
                #expect(answer.status == 200)
                shop.clock.advance(by: .seconds(60))
            }
            let refused = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("4"))
            #expect(refused.status == 429)
            #expect(refused.code == "limit.idempotency_keys")
            #expect(refused.headers[.retryAfter] == "\(24 * 3_600 - 180)")
            // What is kept is still repeated, and others are not concerned.
            let replayed = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("1"))
            #expect(replayed.headers[.idempotencyReplayed] == "true")
            let neighbour = try await client.post("/buy/hat", as: "other", json: ann, headers: key("4"))
            #expect(neighbour.status == 200)

            shop.clock.advance(by: Idempotency.retention - .seconds(180))
            let later = try await client.post("/buy/hat", as: "customer", json: ann, headers: key("4"))
            #expect(later.status == 200)
        }
        #expect(shop.count == 5)
    }

    @Test func theBytesOfACallerAreLimited() async throws {
        var limits = Idempotency.Limits()
        limits.bytes = 64 << 10
        let body = String(repeating: "x", count: Idempotency.largestKeptBody - 100)
        let shop = try await IdempotentShop(limits: limits) { _ in try Reply.ok(body) }
        let statuses = try await withRoutes(shop.register) { client async throws in
            var statuses: [Int] = []
            for number in 1...30 {
                let answer = try await client.post(
                    "/buy/hat", as: "customer", json: ann, headers: key("\(number)"))
                statuses.append(answer.status)
            }
            return statuses
        }
        #expect(statuses.first == 200 && statuses.last == 429)
        #expect(try await bytes(shop) <= 64 << 10)
        #expect(try await shop.rows() == statuses.count { $0 == 200 })
    }

    @Test func manyAtOnceStayWithinTheLimit() async throws {
        var limits = Idempotency.Limits()
        limits.keys = 200
        let shop = try await IdempotentShop(limits: limits) { try Reply.ok($0) }
        let statuses = try await withRoutes(shop.register) { client async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        try await client.post(
                            "/buy/hat", as: "customer", json: #"{"name": "Ann"}"#,
                            headers: [.idempotencyKey: "\(number)"]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(statuses.count { $0 == 200 } == 200)
        #expect(statuses.count { $0 == 429 } == 100)
        #expect(shop.count == 200)
    }
}
