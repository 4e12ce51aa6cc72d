import SoukAuthGuard
import SoukComposition
import SoukEnv
import SoukPayment
import SoukPaymentRPC
import SoukPaymentSandbox
import SoukProcess
import SoukRPCRuntime
import SoukVendorRPC

/// The payment service's executable, with the sandbox provider in it.
@main
enum PaymentProcess: MarketplaceProcess {
    static let name = "payment"
    static let abstract = "Serves payments, refunds and the ledger, with the sandbox provider."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let accounts = try process.accountGuard()
        // Where customers and the provider's webhooks reach the marketplace: the gateway.
        let url = try process.environment.baseURL("SOUK_PUBLIC_URL") ?? "http://127.0.0.1:8080"
        let sandbox = try SandboxProvider(
            resources: try process.resources(for: "sandbox"), secrets: nil, baseURL: { url },
            webhookURL: { "\(url)/api/v1/payments/webhooks/sandbox" })
        let payment = try PaymentService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers),
            provider: sandbox, vendors: RemoteVendorKernel(try process.peer("vendor")))
        return ProcessParts(
            services: [sandbox, payment],
            rpc: [RPCService(PaymentKernelService(kernel: payment.kernel), access: .services(["order"]))],
            verifier: try process.tokenKeys(), accounts: accounts)
    }
}
