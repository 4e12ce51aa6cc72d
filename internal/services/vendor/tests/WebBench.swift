import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SoukAuthToken
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukEvents
import SoukEventsRuntime
import SoukHTTP
import SoukIDs
import SoukService
import SoukTesting
import Testing

@testable import SoukVendor

/// The whole service behind its routes, without sockets.
struct WebBench: Sendable {
    /// What came back.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let body: [UInt8]

        /// The value at a path such as `data.items.0.id`, as text; nil where there is none.
        func text(_ path: String) -> String? {
            var value = try? JSONSerialization.jsonObject(with: Data(body))
            for step in path.split(separator: ".") {
                if let list = value as? [Any] {
                    guard let index = Int(step), list.indices.contains(index) else { return nil }
                    value = list[index]
                } else {
                    value = (value as? [String: Any])?[String(step)]
                }
            }
            return value.map { "\($0)" }
        }

        var code: String? { text("code") }
    }

    let clock = ManualClock()
    let database: any Database
    let service: VendorService
    private let responder: RouterResponder<SoukRequestContext>

    init() async throws {
        let database = try await TestDatabase.make()
        self.database = database
        service = VendorService(
            resources: ServiceResources(
                name: "vendor", database: database, broker: UnusedBroker(), clock: clock,
                environment: SoukEnv.Environment(values: [:])))
        try await service.prepare()
        let router = WebRouter(verifier: NamesAreTokens())
        service.registerRoutes(router.routes)
        responder = router.buildResponder()
    }

    /// Does what the service does when the event arrives.
    func handle(_ event: OrderPaid) async throws {
        let runtime = EventRuntime(
            service: "vendor", database: database, broker: UnusedBroker(), clock: clock)
        let useCases = VendorUseCases(database: database, outbox: runtime.outbox, clock: clock)
        try await database.transaction { try await useCases.orders.fulfil(event, $0) }
    }

    /// Sends a request as this caller (nil: nobody); `body` is JSON.
    func send(
        _ method: HTTPRequest.Method, _ path: String, as user: UserID? = nil, admin: Bool = false,
        body: String? = nil,
        key: String? = nil, ifMatch: String? = nil
    ) async throws -> Answer {
        var headers = HTTPFields()
        if let user { headers[.authorization] = "Bearer \(admin ? "admin" : "user").\(user)" }
        if body != nil { headers[.contentType] = "application/json" }
        if let key, let name = HTTPField.Name("Idempotency-Key") { headers[name] = key }
        if let ifMatch { headers[.ifMatch] = ifMatch }
        let request = Request(
            head: HTTPRequest(
                method: method, scheme: "http", authority: "test", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: body ?? "")))
        let response = try await responder.respond(
            to: request, context: SoukRequestContext(logger: Logger(label: "test")))
        let collected = CollectedBody()
        try await response.body.write(collected)
        return Answer(
            status: response.status.code, headers: response.headers, body: await collected.bytes.all)
    }
}

/// Bearer tokens that say who somebody is.
private struct NamesAreTokens: TokenVerifier {
    func verify(_ token: String) async throws(TokenError) -> Principal {
        let parts = token.split(separator: ".")
        guard parts.count == 2, let user = UserID(String(parts[1])) else { throw .malformed("test token") }
        return Principal(userID: user, roles: parts[0] == "admin" ? [.admin] : [.customer], sessionID: "s")
    }
}

private struct CollectedBody: ResponseBodyWriter {
    actor Bytes {
        private(set) var all: [UInt8] = []
        func append(_ more: [UInt8]) { all += more }
    }

    let bytes = Bytes()

    mutating func write(_ buffer: ByteBuffer) async throws {
        await bytes.append(Array(buffer.readableBytesView))
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
