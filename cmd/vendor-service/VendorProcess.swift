import SoukAuthGuard
import SoukComposition
import SoukProcess
import SoukRPCRuntime
import SoukVendor
import SoukVendorRPC

/// The vendor service's executable.
@main
enum VendorProcess: MarketplaceProcess {
    static let name = "vendor"
    static let abstract = "Serves vendors, their stores and stock, and the orders that they fulfil."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let accounts = try process.accountGuard()
        let vendor = try VendorService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers))
        return ProcessParts(
            services: [vendor],
            rpc: [RPCService(VendorKernelService(kernel: vendor.kernel), access: .services(callers))],
            verifier: try process.tokenKeys(), accounts: accounts)
    }

    private static let callers: Set = ["order", "payment", "product"]
}
