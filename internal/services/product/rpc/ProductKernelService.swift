package import GRPCCore
import SoukErrors
import SoukIdentifiers
import SoukMoney
package import SoukProductKernel
package import SoukProto
package import SoukRPCRuntime

extension RPCService {
    /// The product service's kernel, for the order service.
    package static func productKernel(_ kernel: any ProductKernel) -> RPCService {
        RPCService(ProductKernelService(kernel: kernel), access: .services(["order"]))
    }
}

/// Serves a ``ProductKernel`` to peers in other processes.
package struct ProductKernelService: Souk_Product_V1_ProductKernelService.SimpleServiceProtocol {
    private let kernel: any ProductKernel

    package init(kernel: any ProductKernel) {
        self.kernel = kernel
    }

    package func batchGetVariants(
        request: Souk_Product_V1_BatchGetVariantsRequest, context: ServerContext
    ) async throws -> Souk_Product_V1_BatchGetVariantsResponse {
        let ids = try VariantID.batch(wire: request.ids, "ids")
        let variants = try await kernel.variants(ids, context.call.context)
        return .with { $0.variants = variants.map(\.wire) }
    }
}

extension VariantSnapshot {
    init(wire: Souk_Product_V1_VariantSnapshot) throws(ValidationError) {
        self.init(
            id: try VariantID(wire: wire.id, "id"), productID: try ProductID(wire: wire.productID, "product_id"),
            vendorID: try VendorID(wire: wire.vendorID, "vendor_id"), sku: wire.sku, title: wire.title,
            attributes: wire.attributes, price: try Money(wire: wire.price, "price"),
            isPurchasable: wire.purchasable)
    }

    var wire: Souk_Product_V1_VariantSnapshot {
        .with {
            $0.id = id.description
            $0.productID = productID.description
            $0.vendorID = vendorID.description
            $0.sku = sku
            $0.title = title
            $0.attributes = attributes
            $0.price = price.wire
            $0.purchasable = isPurchasable
        }
    }
}
