import SoukPaymentKernel
import SoukPaymentRPC
import SoukEventsRuntime
package import SoukProcess
package import SoukService
import SoukVendorKernel

extension PaymentService {
    /// The service with a provider that takes the money.
    package static func definition(_ provider: PaymentProviderDefinition) -> ServiceDefinition {
        ServiceDefinition(
            name: "payment", abstract: "Serves payments, refunds and the ledger.",
            ports: ServicePorts(http: 8105, grpc: 9105), databases: ["payment"] + provider.databases,
            routes: [
                "/api/v1/payments/**", "/api/v1/ledger/**", "/api/v1/admin/payments/**",
                "/api/v1/admin/ledger/**", "/api/v1/admin/commissions/**",
            ] + provider.routes,
            kernels: [
                KernelOffer(
                    PaymentKernelKey.self, server: { PaymentKernelService(kernel: $0) },
                    client: { RemotePaymentKernel($0) })
            ],
            peers: [VendorKernelKey.self], handles: PaymentHandlers.events.interests
        ) { composition in
            let hosted = try await provider.compose(&composition)
            let payment = try PaymentService(
                resources: try await composition.resources(), provider: hosted.provider,
                vendors: try composition.kernel(VendorKernelKey.self))
            composition.offer(payment.kernel, as: PaymentKernelKey.self)
            return ServiceParts([hosted.service, payment])
        }
    }
}

/// A payment provider that the payment service's process hosts.
package struct PaymentProviderDefinition: Sendable {
    let databases: [String]
    let routes: [String]
    let compose:
        @Sendable (inout Composition) async throws -> (
            provider: any PaymentProvider, service: any HostedService
        )

    package init(
        databases: [String], routes: [String],
        compose:
            @escaping @Sendable (inout Composition) async throws -> (
                provider: any PaymentProvider, service: any HostedService
            )
    ) {
        self.databases = databases
        self.routes = routes
        self.compose = compose
    }
}
