import SoukPaymentKernel
import SoukEventsRuntime
package import SoukProcess
import SoukProductKernel
import SoukVendorKernel

extension OrderService {
    package static let definition = ServiceDefinition(
        name: "order", abstract: "Serves carts, checkout and orders.",
        ports: ServicePorts(http: 8104, grpc: 9104),
        routes: [
            "/api/v1/cart/**", "/api/v1/checkout/**", "/api/v1/orders/**", "/api/v1/admin/orders/**",
            "/api/v1/admin/reconcile/**",
        ],
        peers: [ProductKernelKey.self, VendorKernelKey.self, PaymentKernelKey.self],
        handles: OrderEventHandlers.events.interests
    ) { composition in
        ServiceParts([
            try OrderService(
                resources: try await composition.resources(),
                products: try composition.kernel(ProductKernelKey.self),
                vendors: try composition.kernel(VendorKernelKey.self),
                payments: try composition.kernel(PaymentKernelKey.self))
        ])
    }
}
