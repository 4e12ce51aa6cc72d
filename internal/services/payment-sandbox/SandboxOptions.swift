import Foundation
package import SoukEnv
import SoukIDs
import SoukText

/// How the sandbox behaves, from the environment.
package struct SandboxOptions: Sendable {
    /// `SOUK_SANDBOX_WEBHOOK_URL`: where webhooks go; nil for the address that the process itself listens on.
    package var webhookURL: String?
    /// `SOUK_SANDBOX_DUPLICATE_WEBHOOKS`: how likely a delivered webhook is delivered once more, from 0 to 1.
    package var duplicateProbability: Double = 0

    /// The defaults.
    package init() {}

    /// - Throws: `ConfigurationError` naming the variable.
    package init(environment: Environment) throws(ConfigurationError) {
        webhookURL = try environment.optionalURL("SOUK_SANDBOX_WEBHOOK_URL")?.absoluteString
        if let webhookURL, !webhookURL.hasPrefix(bytes: "https://"), !webhookURL.hasPrefix(bytes: "http://") {
            throw ConfigurationError("SOUK_SANDBOX_WEBHOOK_URL", "is not an http or https URL")
        }
        if let text = try environment.optionalString("SOUK_SANDBOX_DUPLICATE_WEBHOOKS") {
            guard let value = Double(text), (0...1).contains(value) else {
                throw ConfigurationError(
                    "SOUK_SANDBOX_DUPLICATE_WEBHOOKS", "'\(text)' is not a number from 0 to 1")
            }
            duplicateProbability = value
        }
    }

    /// `SOUK_SANDBOX_WEBHOOK_SECRET`, and `SOUK_SANDBOX_WEBHOOK_PREVIOUS_SECRET` while the former is being rotated in.
    ///
    /// Without either a random one: webhooks are signed when they are delivered, so a process that signs for itself needs
    /// none that outlives it.
    static func webhookSecrets(_ environment: Environment) throws(ConfigurationError) -> [Secret<String>] {
        var secrets: [Secret<String>] = []
        for name in ["SOUK_SANDBOX_WEBHOOK_SECRET", "SOUK_SANDBOX_WEBHOOK_PREVIOUS_SECRET"] {
            guard let secret = try environment.secret(name) else { continue }
            guard secret.reveal().utf8.count >= minSecretBytes else {
                throw ConfigurationError(name, "is shorter than \(minSecretBytes) bytes")
            }
            secrets.append(secret)
        }
        return secrets.isEmpty ? [Secret(RandomToken.make())] : secrets
    }

    private static let minSecretBytes = 16
}
