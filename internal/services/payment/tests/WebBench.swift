import HTTPTypes
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukHTTP
import SoukHTTPTesting
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
    /// Who calls.
    enum Caller: Sendable {
        case nobody
        case user(UserID)
        case admin(UserID)

        var token: String? {
            switch self {
            case .nobody: nil
            case .user(let user): PlainTokens.token(for: user)
            case .admin(let user): PlainTokens.token(for: user, .admin)
            }
        }
    }

    let bench: PaymentBench
    let vendors = FakeVendors()
    private let caller: TestCaller

    init(_ adjust: (inout PaymentOptions) -> Void = { _ in }) async throws {
        var options = PaymentOptions()
        adjust(&options)
        bench = try await PaymentBench(adjust)
        // Over the bench's database, so that both see the same payments.
        let service = PaymentService(
            resources: ServiceResources(
                name: "payment", database: bench.database, broker: UnusedBroker(), clock: bench.clock,
                environment: Environment(values: [:])),
            provider: bench.provider, vendors: vendors, options: options)
        try await service.prepare()
        caller = TestCaller(register: service.registerRoutes)
    }

    /// Sends a request; `body` is JSON unless `headers` say otherwise.
    func send(
        _ method: HTTPRequest.Method, _ path: String, as caller: Caller = .nobody, body: String? = nil,
        key: String? = nil, headers extra: [String: String] = [:]
    ) async throws -> Answer {
        var headers = HTTPFields()
        if let key { headers[.idempotencyKey] = key }
        for (name, value) in extra { headers[try #require(HTTPField.Name(name))] = value }
        return try await self.caller.send(method, path, as: caller.token, body: body, headers: headers)
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
