import HTTPTypes
import SoukAPI
import SoukEnv
import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukTime

/// The body of a webhook.
struct WebhookPayload: Codable, Sendable, Hashable {
    struct Content: Codable, Sendable, Hashable {
        let charge: String
        let paymentId: PaymentID
        /// Of the charge, or of the refund in `refund.*`.
        let amount: Money
        let reason: String?
        let refundId: RefundID?
    }

    let id: String
    /// `charge.authorized`, `charge.captured`, `charge.failed`, `charge.expired`, `charge.cancelled` or
    /// `refund.succeeded`.
    let type: String
    let createdAt: Timestamp
    let data: Content

    /// What a receiver that knows the secrets reads out of a delivery.
    static func verified(
        headers: HTTPFields, rawBody: [UInt8], secrets: [Secret<String>], now: Timestamp
    ) throws(WebhookError) -> ProviderEvent {
        guard let name = HTTPField.Name(WebhookSignature.headerName) else { throw .signatureInvalid }
        try WebhookSignature.verify(header: headers[name], body: rawBody, secrets: secrets, now: now)
        let payload: WebhookPayload
        do {
            payload = try JSONCoding.decode(WebhookPayload.self, from: rawBody)
        } catch {
            throw .malformed("\(error)")
        }
        return ProviderEvent(
            id: payload.id, type: payload.type, kind: payload.kind, reference: payload.data.charge,
            paymentID: payload.data.paymentId, amount: payload.data.amount, occurredAt: payload.createdAt)
    }

    private var kind: ProviderEvent.Kind {
        switch type {
        case "charge.authorized": .chargeAuthorized
        case "charge.captured": .chargeCaptured
        case "charge.failed": .chargeFailed(reason: data.reason ?? "declined")
        case "charge.expired": .chargeFailed(reason: "expired")
        case "charge.cancelled": .chargeCancelled
        default: .other
        }
    }
}
