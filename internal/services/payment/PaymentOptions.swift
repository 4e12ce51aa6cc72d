import Foundation
package import SoukEnv

package import SoukIdempotency
import SoukService
import SoukText

/// How the payment service behaves, from the environment.
package struct PaymentOptions: Sendable {
    /// `SOUK_PAYMENT_CAPTURE`: whether paid money is taken at once or by an admin.
    package var capture: CaptureMode = .automatic
    /// `SOUK_PAYMENT_COMMISSION_BPS`: of vendors without a rate of their own, in basis points.
    package var commissionBasisPoints: Int64 = 1_000
    /// `SOUK_PAYMENT_RECONCILE_INTERVAL`: how often the reconciler looks.
    package var reconcileInterval: Duration = .seconds(15)
    /// `SOUK_PAYMENT_RECONCILE_AFTER`: how long a webhook may take before the provider is asked.
    package var reconcileAfter: Duration = .seconds(30)
    /// `SOUK_PAYMENT_RETURN_URL`: where the provider sends customers after paying; nil leaves them on its page.
    package var returnURL: String?
    /// `SOUK_PAYMENT_WEBHOOK_RETENTION`: how long webhooks are remembered by their provider's event id.
    package var webhookRetention: Duration = .seconds(90 * 86_400)
    /// `SOUK_IDEMPOTENCY_…`: what one caller may have kept.
    package var idempotency = Idempotency.Limits()

    /// The defaults.
    package init() {}

    /// - Throws: `ConfigurationError` naming the variable.
    package init(environment: Environment) throws(ConfigurationError) {
        capture = try environment.choice("SOUK_PAYMENT_CAPTURE", default: capture)
        commissionBasisPoints = Int64(
            try environment.int(
                "SOUK_PAYMENT_COMMISSION_BPS", default: Int(commissionBasisPoints), in: 0...10_000))
        reconcileInterval = try Self.positive(
            "SOUK_PAYMENT_RECONCILE_INTERVAL", reconcileInterval, environment)
        reconcileAfter = try Self.positive("SOUK_PAYMENT_RECONCILE_AFTER", reconcileAfter, environment)
        webhookRetention = try environment.duration(
            "SOUK_PAYMENT_WEBHOOK_RETENTION", default: webhookRetention)
        // Providers deliver an event again for days.
        guard webhookRetention >= .seconds(7 * 86_400) else {
            throw ConfigurationError("SOUK_PAYMENT_WEBHOOK_RETENTION", "must be 7d or longer")
        }
        idempotency = try Idempotency.Limits(environment)
        returnURL = try environment.optionalURL("SOUK_PAYMENT_RETURN_URL")?.absoluteString
        if let returnURL, !returnURL.hasPrefix(bytes: "https://"), !returnURL.hasPrefix(bytes: "http://") {
            throw ConfigurationError("SOUK_PAYMENT_RETURN_URL", "is not an http or https URL")
        }
    }

    private static func positive(
        _ name: String, _ fallback: Duration, _ environment: Environment
    ) throws(ConfigurationError) -> Duration {
        let value = try environment.duration(name, default: fallback)
        guard value > .zero else { throw ConfigurationError(name, "must be longer than nothing") }
        return value
    }
}
