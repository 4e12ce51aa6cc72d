import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SoukAuthToken
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukHTTP
import SoukIDs
import SoukIdentifiers
import SoukPaymentKernel
import SoukService
import SoukTesting
import SoukVendorKernel
import Testing

@testable import SoukPayment

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

    /// Who calls.
    enum Caller: Sendable {
        case nobody
        case user(UserID)
        case admin(UserID)
    }

    let bench: PaymentBench
    let vendors = FakeVendors()
    private let responder: RouterResponder<SoukRequestContext>

    init(_ adjust: (inout PaymentOptions) -> Void = { _ in }) async throws {
        var options = PaymentOptions()
        adjust(&options)
        bench = try await PaymentBench(adjust)
        // Over the bench's database, so that both see the same payments.
        let service = PaymentService(
            resources: ServiceResources(
                name: "payment", database: bench.database, broker: UnusedBroker(), clock: bench.clock,
                environment: SoukEnv.Environment(values: [:])),
            provider: bench.provider, vendors: vendors, options: options)
        try await service.prepare()
        let router = WebRouter(verifier: NamesAreTokens())
        service.registerRoutes(router.routes)
        responder = router.buildResponder()
    }

    /// Sends a request; `body` is JSON unless `headers` say otherwise.
    func send(
        _ method: HTTPRequest.Method, _ path: String, as caller: Caller = .nobody, body: String? = nil,
        key: String? = nil, headers extra: [String: String] = [:]
    ) async throws -> Answer {
        var headers = HTTPFields()
        switch caller {
        case .nobody: break
        case .user(let user): headers[.authorization] = "Bearer user.\(user)"
        case .admin(let user): headers[.authorization] = "Bearer admin.\(user)"
        }
        if body != nil { headers[.contentType] = "application/json" }
        if let key { headers[.idempotencyKey] = key }
        for (name, value) in extra {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
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

/// Vendors by owner.
final class FakeVendors: VendorKernel {
    private let owners = Shared<[UserID: VendorID]>([:])

    func add(_ vendor: VendorID, owner: UserID) { owners.update { $0[owner] = vendor } }

    func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary] {
        let known = owners.value
        return Dictionary(
            uniqueKeysWithValues: users.compactMap { user in
                known[user].map { (user, VendorSummary(id: $0, ownerID: user, name: "V", status: .active)) }
            })
    }

    func vendors(
        _ ids: [VendorID], _ context: CallContext
    ) async throws(VendorKernelError) -> [VendorID: VendorSummary] {
        let known = owners.value.filter { ids.contains($0.value) }
        return Dictionary(
            uniqueKeysWithValues: known.map {
                ($0.value, VendorSummary(id: $0.value, ownerID: $0.key, name: "V", status: .active))
            })
    }

    func offers(_ skus: [VendorSKU], _ context: CallContext) async throws(VendorKernelError) -> [StockOffer] {
        throw .unavailable("payment never asks for offers")
    }

    func reserve(
        _ request: ReservationRequest, _ context: CallContext
    ) async throws(VendorKernelError) -> Reservation {
        throw .unavailable("payment never reserves")
    }

    func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        throw .unavailable("payment never releases")
    }

    func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        throw .unavailable("payment never cancels fulfilment")
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
