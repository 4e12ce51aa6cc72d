import SoukEnv
package import SoukPayment
import SoukProcess

extension PaymentProviderDefinition {
    /// The sandbox, with a database of its own.
    package static let sandbox = PaymentProviderDefinition(
        databases: ["sandbox"], routes: ["/sandbox/pay/{token}"]
    ) { composition in
        var secrets: [Secret<String>]?
        if try composition.environment.secret("SOUK_SANDBOX_WEBHOOK_SECRET") == nil {
            secrets = try composition.secret("webhook-secret").map { [$0] }
        }
        let callbackURL = composition.callbackURL
        let sandbox = try SandboxProvider(
            resources: try await composition.resources("sandbox"), secrets: secrets,
            baseURL: composition.publicURL,
            webhookURL: { "\(callbackURL())/api/v1/payments/webhooks/sandbox" })
        return (sandbox, sandbox)
    }
}
