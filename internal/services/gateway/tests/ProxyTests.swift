import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SoukEnv
import SoukHTTP
import SoukHTTPTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukGateway

@Suite struct RouteTableTests {
    private let table: RouteTable

    init() throws {
        table = try RouteTable(environment: Environment(values: [:]))
    }

    @Test(arguments: [
        ("/api/v1/products", "product"), ("/api/v1/products/7/variants/8", "product"),
        ("/api/v1/vendor/products", "product"), ("/api/v1/vendors/me/stores", "vendor"),
        ("/api/v1/vendor-orders/9", "vendor"), ("/api/v1/admin/orders/9", "order"),
        ("/api/v1/checkout", "order"), ("/sandbox/pay/abc", "payment"),
        ("/.well-known/jwks.json", "auth"), ("/api/v1/notifications", "notification"),
    ])
    func pathsLeadToTheirService(path: String, service: String) {
        #expect(table.route(of: path)?.upstream == service)
    }

    @Test(arguments: [
        "/", "/api/v1", "/api/v1/productsx", "/api/v1/ping", "/openapi.json", "/sandbox/pay",
        "/sandbox/pay/a/b",
        "/api/v1/admin/events", "/metrics", "/readyz",
    ])
    func otherPathsLeadNowhere(path: String) {
        #expect(table.route(of: path) == nil)
    }

    @Test func configuredRoutesComeBeside() throws {
        let table = try RouteTable(
            environment: Environment(values: [
                "SOUK_GATEWAY_ROUTES": "/api/v1/reviews/**=review, /api/v1/products/**=shelf"
            ]))
        #expect(table.route(of: "/api/v1/reviews/1")?.upstream == "review")
        #expect(table.route(of: "/api/v1/products/1")?.upstream == "shelf")
        #expect(table.route(of: "/api/v1/cart")?.upstream == "order")
    }

    @Test(arguments: ["nonsense", "/api=", "api/v1=x", "/**=x", "/a/*/b=x", "/a=b=c"])
    func malformedRoutesAreRefused(text: String) {
        #expect(throws: ConfigurationError.self) {
            _ = try RouteTable(environment: Environment(values: ["SOUK_GATEWAY_ROUTES": text]))
        }
    }
}

@Suite struct UpstreamTests {
    @Test func addressesTakeTurnsAndRestAfterARefusal() throws {
        let (a, b) = (HostPort(host: "10.0.0.1", port: 1), HostPort(host: "10.0.0.2", port: 1))
        let upstream = Upstream(name: "x", targets: [a, b])
        let now = ContinuousClock.now
        #expect(upstream.candidates(at: now) == [a, b])
        #expect(upstream.candidates(at: now) == [b, a])
        upstream.refusedConnection(a, at: now)
        #expect(upstream.candidates(at: now) == [b, a])
        #expect(upstream.candidates(at: now) == [b, a])
        #expect(upstream.candidates(at: now + .seconds(2)) == [a, b])
        upstream.update([])
        #expect(upstream.candidates(at: now).count == 2)
        upstream.update([b])
        #expect(upstream.candidates(at: now) == [b])
    }

    @Test func namesAreLookedUp() {
        #expect(
            AddressResolution.lookUp(HostPort(host: "127.0.0.1", port: 7)) == [
                HostPort(host: "127.0.0.1", port: 7)
            ])
        #expect(AddressResolution.lookUp(HostPort(host: "localhost", port: 7)).contains { $0.port == 7 })
        #expect(AddressResolution.lookUp(HostPort(host: "no-such-name.invalid", port: 7)).isEmpty)
    }

    @Test(arguments: ["host", "host:", ":1", "host:0", "host:70000", "a b:1", "user@host:1", "h/p:1"])
    func malformedAddressesAreRefused(text: String) {
        #expect(HostPort(text) == nil)
    }

    @Test func addressesAreWrittenAsInURLs() {
        #expect(HostPort("[::1]:8080")?.description == "[::1]:8080")
        #expect(HostPort("shop.example:80")?.host == "shop.example")
    }
}

@Suite(.timeLimit(.minutes(1))) struct ProxyTests {
    /// Runs a service on a free port and the gateway in front of it.
    private func withGateway(
        deadPeer: Bool = false, _ register: (Router<BasicRequestContext>) -> Void,
        _ test: @Sendable (TestCaller) async throws -> Void
    ) async throws {
        let router = Router()
        register(router)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let upstream = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "upstream", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let life = ServiceGroup(services: [upstream], logger: Logger(label: "test"))
            group.addTask { try await life.run() }
            var port = 0
            for await each in ports {
                port = each
                break
            }
            let addresses = (deadPeer ? "127.0.0.1:1," : "") + "127.0.0.1:\(port)"
            let proxy = try GatewayProxy(
                environment: Environment(values: ["SOUK_ORDER_HTTP_ADDRESS": addresses]),
                ports: ["auth": 1, "product": 1, "vendor": 1, "order": 1, "payment": 1, "notification": 1],
                clock: SystemClock())
            var options = HTTPOptions()
            options.requestTimeout = .seconds(2)
            let caller = TestCaller(options: options, extra: [proxy.middleware]) { _ in }
            let connections = ServiceGroup(services: proxy.services, logger: Logger(label: "test"))
            group.addTask { try await connections.run() }
            try await test(caller)
            await connections.triggerGracefulShutdown()
            await life.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    @Test func requestsAndAnswersPassWhole() async throws {
        let seen = Mutex<[HTTPRequest]>([])
        try await withGateway { router in
            router.post("/api/v1/orders/{id}/cancel") { request, _ in
                seen.withLock { $0.append(request.head) }
                let body = try await request.body.collect(upTo: 1 << 20)
                return Response(
                    status: .accepted,
                    headers: [.eTag: "\"7\"", .connection: "x-hop", HTTPField.Name("X-Hop")!: "1"],
                    body: ResponseBody(byteBuffer: body))
            }
        } _: { caller in
            let answer = try await caller.send(
                .post, "/api/v1/orders/7%2F8/cancel?x=%20y", as: nil, body: #"{"reason":"ö"}"#,
                headers: [
                    .idempotencyKey: "k", .forwardedFor: "1.2.3.4", .connection: "close, X-Secret",
                    HTTPField.Name("X-Secret")!: "s", .te: "trailers",
                ], from: "203.0.113.9")
            #expect(answer.status == 202)
            #expect(answer.body == #"{"reason":"ö"}"#)
            #expect(answer.etag == "\"7\"")
            #expect(answer.header("X-Hop") == nil)
            #expect(answer.header("Connection") == nil)
        }
        let head = try #require(seen.withLock { $0.first })
        #expect(head.path == "/api/v1/orders/7%2F8/cancel?x=%20y")
        #expect(head.headerFields[.idempotencyKey] == "k")
        #expect(head.headerFields[.forwardedFor] == "203.0.113.9")
        #expect(head.headerFields[.requestID]?.isEmpty == false)
        #expect(head.headerFields[HTTPField.Name("X-Secret")!] == nil)
        #expect(head.headerFields[.te] == nil)
    }

    @Test func errorsOfTheServicePass() async throws {
        try await withGateway { router in
            router.get("/api/v1/orders") { _, _ in
                Response(
                    status: .conflict, headers: [.contentType: "application/problem+json", .retryAfter: "3"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"code":"order.odd"}"#)))
            }
        } _: { caller in
            let answer = try await caller.send(.get, "/api/v1/orders")
            #expect(answer.status == 409)
            #expect(answer.code == "order.odd")
            #expect(answer.header("Retry-After") == "3")
        }
    }

    @Test func largeBodiesStream() async throws {
        let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
        try await withGateway { router in
            router.get("/api/v1/orders") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        for _ in 0..<64 { try await writer.write(part) }
                        try await writer.finish(nil)
                    })
            }
        } _: { caller in
            let answer = try await caller.send(.get, "/api/v1/orders")
            #expect(answer.body.utf8.count == 4 << 20)
        }
    }

    /// The service answers while most of the body is still on its way: the connection must not be read by two.
    @Test func answersThatComeBeforeTheBodyIsOver() async throws {
        try await withGateway { router in
            router.post("/api/v1/orders") { _, _ in Response(status: .contentTooLarge) }
        } _: { caller in
            for _ in 0..<8 {
                let answer = try await caller.send(
                    .post, "/api/v1/orders", body: String(repeating: "x", count: 512 << 10))
                #expect(answer.status == 413)
            }
        }
    }

    @Test func largeBodiesArriveWhole() async throws {
        try await withGateway { router in
            router.post("/api/v1/orders") { request, _ in
                let body = try await request.body.collect(upTo: 4 << 20)
                return Response(
                    status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "\(body.readableBytes)")))
            }
        } _: { caller in
            let answer = try await caller.send(
                .post, "/api/v1/orders", body: String(repeating: "x", count: 1_000_000))
            #expect(answer.body == "1000000")
        }
    }

    @Test func anotherAddressIsTriedWhereNothingWasSent() async throws {
        let calls = Mutex(0)
        try await withGateway(deadPeer: true) { router in
            router.post("/api/v1/checkout") { _, _ in
                calls.withLock { $0 += 1 }
                return Response(status: .created)
            }
        } _: { caller in
            for _ in 0..<4 {
                let answer = try await caller.send(.post, "/api/v1/checkout", body: "{}")
                #expect(answer.status == 201)
            }
        }
        #expect(calls.withLock { $0 } == 4)
    }

    @Test func aServiceThatIsAwayIs503WithRetryAfter() async throws {
        try await withGateway { _ in
        } _: { caller in
            let answer = try await caller.send(.get, "/api/v1/products")
            #expect(answer.status == 503)
            #expect(answer.code == "upstream.unavailable")
            #expect(answer.header("Retry-After") == "1")
        }
    }

    @Test func aServiceThatDoesNotAnswerIs504() async throws {
        try await withGateway { router in
            router.get("/api/v1/orders") { _, _ in
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(60)) }
                return Response(status: .ok)
            }
        } _: { caller in
            let answer = try await caller.send(.get, "/api/v1/orders")
            #expect(answer.status == 504)
            #expect(answer.code == "deadline.exceeded")
        }
    }

    @Test func pathsOfNobodyStayHere() async throws {
        try await withGateway { _ in
        } _: { caller in
            let answer = try await caller.send(.get, "/api/v1/nothing")
            #expect(answer.status == 404)
        }
    }
}
