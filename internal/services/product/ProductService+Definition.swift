import SoukEventsRuntime
package import SoukProcess
import SoukProductKernel
import SoukProductRPC
import SoukVendorKernel

extension ProductService {
    package static let definition = ServiceDefinition(
        name: "product", abstract: "Serves the registry of products: variants, categories, prices.",
        ports: ServicePorts(http: 8102, grpc: 9102),
        routes: [
            "/api/v1/categories/**", "/api/v1/products/**", "/api/v1/vendor/products/**",
            "/api/v1/admin/categories/**",
        ],
        kernels: [
            KernelOffer(
                ProductKernelKey.self, server: { ProductKernelService(kernel: $0) },
                client: { RemoteProductKernel($0) })
        ],
        peers: [VendorKernelKey.self], handles: VendorStandingConsumer.events.interests
    ) { composition in
        let product = try ProductService(
            resources: try await composition.resources(),
            vendors: try composition.kernel(VendorKernelKey.self))
        composition.offer(product.kernel, as: ProductKernelKey.self)
        return ServiceParts([product])
    }
}
