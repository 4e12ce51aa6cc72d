import SoukEventsRuntime
package import SoukProcess
import SoukVendorKernel
import SoukVendorRPC

extension VendorService {
    package static let definition = ServiceDefinition(
        name: "vendor", abstract: "Serves vendors, their stores and stock, and the orders that they fulfil.",
        ports: ServicePorts(http: 8103, grpc: 9103),
        routes: [
            "/api/v1/vendors/**", "/api/v1/stores/**", "/api/v1/vendor-orders/**", "/api/v1/returns/**",
            "/api/v1/admin/vendors/**", "/api/v1/admin/vendor-orders/**", "/api/v1/admin/inventory/**",
        ],
        kernels: [
            KernelOffer(
                VendorKernelKey.self, server: { VendorKernelService(kernel: $0) },
                client: { RemoteVendorKernel($0) })
        ],
        handles: OrderEventHandlers.events.interests
    ) { composition in
        let vendor = try VendorService(resources: try await composition.resources())
        composition.offer(vendor.kernel, as: VendorKernelKey.self)
        return ServiceParts([vendor])
    }
}
