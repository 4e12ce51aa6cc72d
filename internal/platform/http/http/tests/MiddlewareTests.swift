import HTTPTypes
import Hummingbird
import Logging
import SoukAPI
import SoukCallContext
import SoukErrors
@testable import SoukHTTP
import SoukHTTPTesting
import SoukLogger
import SoukTesting
import Synchronization
import Testing

private struct Secret: Error {
    let password = "hunter2"
}

@Suite struct MiddlewareTests {
    private func register(_ routes: Routes) {
        routes.open.get("/ok") { _, context in try Reply.ok(context.requestID) }
        routes.open.get("/secret") { _, _ -> Reply in throw Secret() }
        routes.open.get("/http") { _, _ -> Reply in throw HTTPError(.conflict, message: "No.") }
        routes.open.get("/broken") { _, _ -> Reply in
            throw HTTPError(.internalServerError, message: "hunter2")
        }
        routes.open.get("/limited") { _, _ -> Reply in
            throw ServiceError(
                .rateLimited, code: "rate.limited", message: "Slow down.", detail: "hunter2",
                retryAfter: .milliseconds(1_500))
        }
        routes.open.get("/client") { _, context in try Reply.ok(context.clientAddress) }
        routes.open.post("/body") { request, _ in try Reply.ok(try await request.bytes().count) }
        routes.open.get("/page") { _, _ in Reply.html("<p>Hi") }
        routes.open.get("/slow") { _, _ -> Reply in
            await TestSignal.never()
            try Task.checkCancellation()
            return .noContent
        }
    }

    @Test func faultsAreAnsweredWithoutTellingTheirCause() async throws {
        try await withRoutes(register) { client async throws in
            for (path, status, code) in [
                ("/secret", 500, "internal"), ("/broken", 500, "internal"), ("/http", 409, "conflict"),
                ("/limited", 429, "rate.limited"),
            ] {
                let answer = try await client.get(path)
                #expect(answer.status == status)
                #expect(try answer.problem().code == code)
                #expect(!answer.body.contains("hunter2"))
            }
            #expect(try await client.get("/limited").headers[.retryAfter] == "2")
        }
    }

    @Test func problemsNameTheRequest() async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.get("/secret", headers: [.requestID: "abc-1"])
            let problem = try answer.problem()
            #expect(problem.instance == "urn:souk:request:abc-1")
            #expect(problem.title == "Internal Server Error")
            #expect(problem.traceId != nil)
        }
    }

    @Test func requestIdsAreTakenOrMade() async throws {
        try await withRoutes(register) { client async throws in
            let kept = try await client.get("/ok", headers: [.requestID: "Req_1.2-3"])
            #expect(kept.headers[.requestID] == "Req_1.2-3")
            #expect(try kept.data(String.self) == "Req_1.2-3")
            for bad in ["a b", "a\"b", "é", String(repeating: "a", count: 65), "a;b"] {
                let made = try #require(
                    try await client.get("/ok", headers: [.requestID: bad]).headers[.requestID])
                #expect(made != bad)
                #expect(made.count == 36)
            }
        }
    }

    @Test func securityHeaders() async throws {
        try await withRoutes(register) { client async throws in
            let open = try await client.get("/ok")
            #expect(open.headers[.xContentTypeOptions] == "nosniff")
            #expect(open.headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
            #expect(open.headers[try #require(HTTPField.Name("X-Frame-Options"))] == "DENY")
            #expect(open.headers[try #require(HTTPField.Name("Referrer-Policy"))] == "no-referrer")
            #expect(open.headers[.cacheControl] == nil)
            #expect(try await client.get("/ok", as: "customer").headers[.cacheControl] == "no-store")
            #expect(try await client.get("/secret").headers[.cacheControl] == "no-store")
            #expect(
                try await client.get("/page").headers[.contentSecurityPolicy]?.contains("form-action 'self'")
                    == true)
        }
    }

    @Test func limits() async throws {
        var options = HTTPOptions()
        options.maxBodyBytes = 1_000
        options.maxTargetBytes = 200
        options.maxHeaderBytes = 1_000
        options.maxHeaderFields = 10
        try await withRoutes(options: options, register) { client async throws in
            let long = try await client.get("/ok?q=\(String(repeating: "a", count: 200))")
            #expect(long.status == 414)
            #expect(try long.problem().code == "target.too_long")
            let heavy = try await client.get(
                "/ok", headers: [.userAgent: String(repeating: "a", count: 1_000)])
            #expect(heavy.status == 431)
            #expect(try heavy.problem().code == "headers.too_large")
            var many = HTTPFields()
            for _ in 0..<11 { many.append(HTTPField(name: .accept, value: "a")) }
            #expect(try await client.get("/ok", headers: many).status == 431)
            let large = try await client.post("/body", json: String(repeating: "a", count: 1_001))
            #expect(large.status == 413)
            #expect(try large.problem().code == "body.too_large")
            #expect(try await client.post("/body", json: String(repeating: "a", count: 1_000)).status == 200)
        }
    }

    @Test func whatTakesTooLongIsCancelled() async throws {
        var options = HTTPOptions()
        options.requestTimeout = .milliseconds(20)
        try await withRoutes(options: options, register) { client async throws in
            let answer = try await client.get("/slow")
            #expect(answer.status == 504)
            #expect(try answer.problem().code == "deadline.exceeded")
        }
    }

    @Test func extraMiddlewaresSeeErrorsAsResponsesAndMayThrow() async throws {
        let outer = SpyMiddleware(refuses: false)
        let spy = SpyMiddleware()
        try await withRoutes(extra: [outer, spy], register) { client async throws in
            #expect(try await client.get("/secret").status == 500)
            #expect(try await client.get("/nothing").status == 404)
            let refused = try await client.get("/ok?refuse")
            #expect(refused.status == 429)
            #expect(try refused.problem().code == "rate.limited")
            #expect(refused.headers[.requestID] != nil)
        }
        #expect(spy.seen == [500, 404])
        #expect(outer.seen == [500, 404, 429])
    }

    @Test(
        arguments: [
            (nil, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
            ("10.0.0.0/8", "192.0.2.1", "203.0.113.9", "192.0.2.1"),
            ("10.0.0.0/8", "10.1.2.3", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.0/8", "10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("10.0.0.0/8", "10.1.2.3", "203.0.113.9, 10.9.9.9", "203.0.113.9"),
            ("10.0.0.0/8", "10.1.2.3", "203.0.113.9, nonsense", "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
            ("::1", "::1", "2001:db8::7", "2001:db8::7"),
            ("::1", "unknown", "203.0.113.9", "unknown"),
        ] as [(String?, String, String, String)])
    func clientAddresses(proxy: String?, peer: String, forwarded: String, client: String) async throws {
        var options = HTTPOptions()
        options.trustedProxies = try proxy.map { [try #require(AddressRange($0))] } ?? []
        let caller = TestCaller(options: options, register: register)
        let answer = try await caller.send(.get, "/client", headers: [.forwardedFor: forwarded], from: peer)
        #expect(answer.data.string == client)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("192.168.1.128/25", "192.168.1.200", true),
        ("192.168.1.128/25", "192.168.1.127", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("0.0.0.0/0", "::1", false),
    ])
    func addressRanges(range: String, address: String, contains: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(IPAddress(address))) == contains)
    }

    @Test(arguments: [
        ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("unknown", "unknown"),
        ("2001:db8:1:2::7", "20:1:d:b8:0:1:0:2/64"), ("2001:DB8:1:2:ffff::", "20:1:d:b8:0:1:0:2/64"),
        ("2001:db8:1:3::7", "20:1:d:b8:0:1:0:3/64"),
    ])
    func whatOneClientHas(address: String, network: String) {
        #expect(IPAddress.clientNetwork(of: address) == network)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "x", "10.0.0", "::/129", "1.2.3.4:80",
    ])
    func badAddressRanges(text: String) {
        #expect(AddressRange(text) == nil)
    }
}

@Suite struct AccessLogTests {
    private final class Lines: LogSink {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func write(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
    }

    @Test func tokensInPathsAreNotLogged() async throws {
        let lines = Lines()
        let logger = Logger(label: "test") { label in
            SoukLogHandler(label: label, level: .info, format: .json, service: "test", sink: lines)
        }
        let caller = TestCaller(extra: [AccessLogMiddleware(logger: logger)]) { routes in
            routes.open.get("/pages/{id}/{token}") { _, _ in Reply.noContent }
        }
        #expect(try await caller.send(.get, "/pages/7/hunter2").status == 204)
        #expect(try await caller.send(.get, "/nowhere/8").status == 404)
        #expect(lines.all.count == 2 && !lines.all.joined().contains("hunter2"))
        #expect(lines.all.first?.contains(#""path":"/pages/7/{token}""#) == true)
        #expect(lines.all.last?.contains(#""path":"/nowhere/8""#) == true)
    }
}

private final class SpyMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    private let statuses = Mutex<[Int]>([])
    private let refuses: Bool

    /// - Parameter refuses: whether requests with the query `refuse` are.
    init(refuses: Bool = true) {
        self.refuses = refuses
    }

    var seen: [Int] { statuses.withLock { $0 } }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if refuses, request.uri.query == "refuse" {
            throw ServiceError(.rateLimited, code: "rate.limited", message: "Too many requests.")
        }
        let response = try await next(request, context)
        statuses.withLock { $0.append(response.status.code) }
        return response
    }
}

extension TestSignal {
    /// Waits until the task is cancelled.
    fileprivate static func never() async {
        let signal = TestSignal()
        await withTaskCancellationHandler {
            await signal.wait()
        } onCancel: {
            signal.fire()
        }
    }
}
