package import GRPCCore
import SoukErrors
import SoukIdentifiers
import SoukIDs
import SoukMoney
package import SoukProductKernel
package import SoukProto
import SoukRPCRuntime
import SwiftProtobuf

/// Serves a ``ProductKernel`` to peers in other processes.
package struct ProductKernelService: Souk_Product_V1_ProductKernelService.SimpleServiceProtocol {
    private let kernel: any ProductKernel

    package init(kernel: any ProductKernel) {
        self.kernel = kernel
    }

    package func batchGetVariants(
        request: Souk_Product_V1_BatchGetVariantsRequest, context: ServerContext
    ) async throws -> Souk_Product_V1_BatchGetVariantsResponse {
        let ids = try VariantID.batch(request.ids, field: "ids")
        let variants = try await kernel.variants(ids, context.call.context)
        return .with { $0.variants = variants.map(\.wire) }
    }
}

extension VariantSnapshot {
    init(wire: Souk_Product_V1_VariantSnapshot) throws(MalformedMessage) {
        self.init(
            id: try VariantID(wire.id, field: "id"),
            productID: try ProductID(wire.productID, field: "product_id"),
            vendorID: try VendorID(wire.vendorID, field: "vendor_id"), sku: wire.sku, title: wire.title,
            attributes: wire.attributes, price: try wire.price.money("price"),
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
            $0.price = .init(price)
            $0.purchasable = isPurchasable
        }
    }
}
