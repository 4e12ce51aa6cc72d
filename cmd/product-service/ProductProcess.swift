import SoukAuthGuard
import SoukComposition
import SoukProcess
import SoukProduct
import SoukProductRPC
import SoukRPCRuntime
import SoukVendorRPC

/// The product service's executable.
@main
enum ProductProcess: MarketplaceProcess {
    static let name = "product"
    static let abstract = "Serves the registry of products: variants, categories, prices."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let accounts = try process.accountGuard()
        let product = try ProductService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers),
            vendors: RemoteVendorKernel(try process.peer("vendor")))
        return ProcessParts(
            services: [product],
            rpc: [RPCService(ProductKernelService(kernel: product.kernel), access: .services(["order"]))],
            verifier: try process.tokenKeys(), accounts: accounts)
    }
}
