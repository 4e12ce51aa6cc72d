import HTTPTypes
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukService
import SoukTesting
import SoukTime
import SoukVendorKernel
import Synchronization
import Testing

@testable import SoukProduct

/// A product service over a database of its own, called through its routes by two vendors, a customer and an admin.
struct ProductFixture: Sendable {
    /// Somebody who calls.
    struct Caller: Sendable {
        let userID = UserID()
        let token: String

        init(_ role: Role) { token = PlainTokens.token(for: userID, role) }
    }

    let clock = ManualClock()
    let database: any Database
    let vendors = FakeVendors()
    let service: ProductService
    let ann = Caller(.vendor)
    let bob = Caller(.vendor)
    let customer = Caller(.customer)
    let admin = Caller(.admin)
    let annsVendor = VendorID()
    let bobsVendor = VendorID()
    private let caller: TestCaller

    init(configuration: ProductConfiguration = ProductConfiguration()) async throws {
        database = try await TestDatabase.make()
        service = ProductService(
            resources: ServiceResources(
                name: "product", database: database, broker: UnusedBroker(), clock: clock,
                environment: Environment(values: [:])),
            vendors: vendors, configuration: configuration)
        try await service.prepare()
        caller = TestCaller(register: service.registerRoutes)
        vendors.set(annsVendor, ownedBy: ann.userID, .active)
        vendors.set(bobsVendor, ownedBy: bob.userID, .active)
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, as caller: Caller? = nil, json: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await self.caller.send(
            method, path, as: caller?.token, body: json, headers: headers)
    }

    /// Makes a product and returns it; `more` goes into the body.
    func make(
        _ name: String, sku: String, price: Int = 1_999, status: String = "published", more: String = "",
        as caller: Caller? = nil
    ) async throws -> JSON {
        let json = """
            {"name": "\(name)", "status": "\(status)"\(more),
             "variants": [{"sku": "\(sku)", "price": {"amount": \(price), "currency": "GBP"}}]}
            """
        let answer = try await send(.post, "/api/v1/products", as: caller ?? ann, json: json)
        #expect(answer.status == 201, "\(answer.json)")
        return answer.data
    }

    /// Changes a product whatever its version.
    func patch(_ product: JSON, _ json: String, version: Int? = nil, as caller: Caller? = nil) async throws
        -> Answer
    {
        let id = product["id"].string ?? ""
        var current = version
        if current == nil {
            current = try await send(.get, "/api/v1/products/\(id)", as: admin).data["version"].int
        }
        return try await send(
            .patch, "/api/v1/products/\(id)", as: caller ?? ann, json: json,
            headers: [.ifMatch: "\"\(current ?? 0)\""])
    }

    func category(_ name: String, below parent: String? = nil) async throws -> String {
        let parent = parent.map { #", "parent_id": "\#($0)""# } ?? ""
        let answer = try await send(
            .post, "/api/v1/admin/categories", as: admin, json: #"{"name": "\#(name)"\#(parent)}"#)
        #expect(answer.status == 201, "\(answer.json)")
        return answer.data["id"].string ?? ""
    }

    /// The names on the shelf.
    func shelf(_ query: String) async throws -> [String] {
        let answer = try await send(.get, "/api/v1/products\(query)")
        #expect(answer.status == 200, "\(answer.json)")
        return answer.data.items.compactMap { $0["name"].string }
    }
}

/// Vendors by owner; everything else the product service must not ask for.
final class FakeVendors: VendorKernel {
    private let owned = Mutex<[UserID: VendorSummary]>([:])

    func set(_ id: VendorID, ownedBy owner: UserID, _ status: VendorSummary.Status) {
        owned.withLock { $0[owner] = VendorSummary(id: id, ownerID: owner, name: "V", status: status) }
    }

    func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary] {
        owned.withLock { owned in owned.filter { users.contains($0.key) } }
    }

    func vendors(_ ids: [VendorID], _ context: CallContext) async throws(VendorKernelError) -> [VendorID:
        VendorSummary]
    {
        throw .unavailable("not expected")
    }

    func offers(_ skus: [VendorSKU], _ context: CallContext) async throws(VendorKernelError) -> [StockOffer] {
        throw .unavailable("not expected")
    }

    func reserve(_ request: ReservationRequest, _ context: CallContext) async throws(VendorKernelError)
        -> Reservation
    {
        throw .unavailable("not expected")
    }

    func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        throw .unavailable("not expected")
    }

    func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        throw .unavailable("not expected")
    }
}
