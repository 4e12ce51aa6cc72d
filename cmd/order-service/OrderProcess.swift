import SoukAuthGuard
import SoukComposition
import SoukOrder
import SoukPaymentRPC
import SoukProcess
import SoukProductRPC
import SoukVendorRPC

/// The order service's executable.
@main
enum OrderProcess: MarketplaceProcess {
    static let name = "order"
    static let abstract = "Serves carts, checkout and orders."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let accounts = try process.accountGuard()
        let order = try OrderService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers),
            products: RemoteProductKernel(try process.peer("product")),
            vendors: RemoteVendorKernel(try process.peer("vendor")),
            payments: RemotePaymentKernel(try process.peer("payment")))
        return ProcessParts(services: [order], verifier: try process.tokenKeys(), accounts: accounts)
    }
}
