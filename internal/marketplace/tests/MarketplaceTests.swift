import SoukAuthKernel
import SoukCallContext
import SoukEnv
import SoukEvents
import SoukMarketplace
import SoukPaymentKernel
import SoukProductKernel
import SoukVendorKernel
import Testing

@testable import SoukGateway
@testable import SoukProcess

@Suite struct MarketplaceTests {
    private let marketplace = SystemDefinition.marketplace

    @Test func theDefinitionsAgree() throws {
        try marketplace.check()
    }

    @Test(
        arguments: [
            (AuthKernelKey.self, ["gateway", "product", "vendor", "order", "payment", "notification"]),
            (AccountMailKernelKey.self, ["notification"]),
            (ProductKernelKey.self, ["order"]),
            (VendorKernelKey.self, ["product", "order", "payment"]),
            (PaymentKernelKey.self, ["order"]),
        ] as [(any KernelKey.Type, [String])])
    func kernelsAreForTheseServicesOnly(key: any KernelKey.Type, callers: [String]) {
        #expect(marketplace.callers(of: key) == Set(callers))
    }

    @Test func onlyTheGatewayAdministersEvents() {
        #expect(marketplace.eventAdministrators == ["gateway"])
        #expect(marketplace.publicPort == 8080)
    }

    @Test func consumerGroupsReadTheirTopics() {
        let groups: [String: Set<Topic>] = [
            "auth": [.users, .vendors], "product": [.vendors], "vendor": [.orders],
            "order": [.payments, .vendorOrders, .returns], "payment": [.orders, .returns],
            "notification": [.users, .vendors, .inventory, .orders, .payments, .vendorOrders, .returns],
        ]
        #expect(marketplace.groups == groups.mapValues { Set($0.map(\.rawValue)) })
    }

    @Test(arguments: [
        ("/api/v1/products", "product"), ("/api/v1/products/7/variants/8", "product"),
        ("/api/v1/vendor/products", "product"), ("/api/v1/vendors/me/stores", "vendor"),
        ("/api/v1/vendor-orders/9", "vendor"), ("/api/v1/admin/orders/9", "order"),
        ("/api/v1/checkout", "order"), ("/sandbox/pay/abc", "payment"),
        ("/.well-known/jwks.json", "auth"), ("/api/v1/notifications", "notification"),
        ("/api/v1/ping", "local"), ("/api/v1/admin/events", "local"),
    ])
    func theGatewayPassesPathsToTheirService(path: String, upstream: String) throws {
        let services = marketplace.services.map {
            RoutedService(name: $0.name, port: $0.ports.http, routes: $0.routes, isLocal: false)
        }
        let policy = try GatewayPolicy.marketplace(
            environment: Environment(values: [:]), services: services, sharesLimits: true)
        let matcher = try RouteMatcher(policy.routes)
        var path = path
        let index = path.withUTF8 { matcher.route(UnsafeRawBufferPointer($0)) }
        #expect(policy.routes[try #require(index)].upstream == upstream)
    }
}
