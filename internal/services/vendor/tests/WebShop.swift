import HTTPTypes
import SoukCallContext
import SoukEvents
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukVendorKernel
import Testing

@testable import SoukVendor

/// An active vendor with an open store, made through the routes.
struct WebShop: Sendable {
    let web: WebBench
    let owner = UserID()
    let vendor: String
    let store: String

    init(_ web: WebBench) async throws {
        self.web = web
        vendor = try #require(
            try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": "Vendor"}"#).text(
                "data.id"))
        _ = try await web.send(.post, "/api/v1/admin/vendors/\(vendor)/approve", as: UserID(), admin: true)
        store = try #require(
            try await web.send(.post, "/api/v1/stores", as: owner, body: #"{"name": "Main"}"#).text("data.id")
        )
    }

    /// Two of a SKU that nobody else sells, paid for; gives the vendor order's id.
    func sell(to customer: UserID) async throws -> String {
        let sku = "sold-\(customer)"
        _ = try await web.send(
            .put, "/api/v1/stores/\(store)/inventory", as: owner,
            body: #"{"items": [{"sku": "\#(sku)", "on_hand": 5}]}"#, key: sku)
        let shop = VendorBench.Shop(
            owner: owner, vendor: try #require(VendorID(vendor)), store: try #require(StoreID(store)))
        let order = OrderID()
        _ = try await web.service.kernel.reserve(
            ReservationRequest(
                orderID: order, holder: customer.description,
                lines: [.init(storeID: shop.store, sku: sku, quantity: 2)], holdFor: .seconds(60),
                holdLargeFor: .seconds(60)),
            .background("test"))
        let event = try VendorBench.paid([(shop, sku, 2)], order: order, customer: customer)
        try await web.handle(event)
        return try #require(event.parts.first).vendorOrderId.description
    }
}
