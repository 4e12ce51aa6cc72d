import Crypto
import Foundation
package import SoukEnv
package import SoukTime
import SoukText

/// Signs webhooks, and proves that they were signed by somebody who shares the secret, and lately.
///
/// The header reads `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`; each `v1` is HMAC-SHA256 over `<t>.<raw body>`, the
/// scheme that Stripe documents for `Stripe-Signature`. Several `v1` let the sender rotate its secret, several
/// secrets let the receiver.
package enum WebhookSignature {
    /// Of the header that carries the signature.
    package static let headerName = "Souk-Signature"

    /// How far the signer's clock may be from ours, in either direction.
    package static let tolerance: Duration = .seconds(300)

    private static let maxHeaderLength = 2_048
    private static let maxSignatures = 8

    /// The header's value for a body: one `v1` per secret.
    package static func header(for body: [UInt8], at time: Timestamp, secrets: [Secret<String>]) -> String {
        let seconds = time.microseconds / 1_000_000
        let signatures = secrets.map { secret in
            let code = HMAC<SHA256>.authenticationCode(for: signed(seconds, body), using: key(secret))
            return ",v1=" + code.hex
        }
        return "t=\(seconds)" + signatures.joined()
    }

    /// Checks a body against the header it came with, in time that doesn't depend on how nearly a signature fits.
    ///
    /// - Parameter header: nil when the header was absent.
    /// - Throws: `.signatureInvalid` when header or signature is wrong; `.expired` when the signature is right and its
    ///   time is further than `tolerance` from `now`.
    package static func verify(
        header: String?, body: [UInt8], secrets: [Secret<String>], now: Timestamp,
        tolerance: Duration = WebhookSignature.tolerance
    ) throws(WebhookError) {
        guard let header, let parsed = parse(header) else { throw .signatureInvalid }
        let message = signed(parsed.seconds, body)
        var isValid = false
        for secret in secrets {
            for signature in parsed.signatures
            where HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: message, using: key(secret))
            {
                isValid = true
            }
        }
        guard isValid else { throw .signatureInvalid }
        let (microseconds, overflow) = parsed.seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { throw .expired }
        let distance = now - Timestamp(microseconds: microseconds)
        guard distance <= tolerance, distance >= .zero - tolerance else { throw .expired }
    }

    private static func parse(_ header: String) -> (seconds: Int64, signatures: [[UInt8]])? {
        guard header.utf8.count <= maxHeaderLength else { return nil }
        var seconds: Int64?
        var signatures: [[UInt8]] = []
        for element in header.split(byte: ",", omittingEmptySubsequences: false) {
            let pair = element.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { return nil }
            switch pair[0].trimmingBlanks() {
            case "t":
                guard seconds == nil, pair[1].utf8.allSatisfy({ (48...57).contains($0) }),
                    let value = Int64(pair[1])
                else { return nil }
                seconds = value
            case "v1":
                guard signatures.count < maxSignatures, let bytes = [UInt8](hex: pair[1]), bytes.count == 32
                else { return nil }
                signatures.append(bytes)
            default:
                // Schemes to come; they prove nothing to us.
                continue
            }
        }
        guard let seconds, !signatures.isEmpty else { return nil }
        return (seconds, signatures)
    }

    private static func signed(_ seconds: Int64, _ body: [UInt8]) -> [UInt8] {
        Array("\(seconds).".utf8) + body
    }

    private static func key(_ secret: Secret<String>) -> SymmetricKey {
        SymmetricKey(data: Array(secret.reveal().utf8))
    }
}
