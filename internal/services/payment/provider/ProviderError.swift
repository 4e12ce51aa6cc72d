package import SoukErrors

/// Why a provider didn't do what it was asked. The texts are for logs.
package enum ProviderError: SoukError, Hashable {
    /// It will not, however often it is asked; `code` is short and stable, such as `charge.unknown`.
    case refused(code: String, detail: String)
    /// It could not be asked, or could not answer; asking again is safe.
    case unavailable(String)

    package var kind: ErrorKind {
        switch self {
        case .refused: .unprocessable
        case .unavailable: .unavailable
        }
    }

    package var code: String {
        switch self {
        case .refused: "payment.refused"
        case .unavailable: "payment.provider_unavailable"
        }
    }

    package var message: String {
        switch self {
        case .refused: "The payment provider refused."
        case .unavailable: "The payment provider can't be reached right now."
        }
    }

    package var detail: String? {
        switch self {
        case .refused(let code, let detail): "\(code): \(detail)"
        case .unavailable(let detail): detail
        }
    }
}

/// Why a webhook was not taken.
package enum WebhookError: SoukError, Hashable {
    /// No signature, a malformed one, or none that any of our secrets makes.
    case signatureInvalid
    /// Signed, but at a time too far from now; may be a replay.
    case expired
    /// Signed, but not of the form that the provider documents; the text is for logs.
    case malformed(String)

    package var kind: ErrorKind { .invalid }

    package var code: String {
        switch self {
        case .signatureInvalid: "webhook.signature_invalid"
        case .expired: "webhook.expired"
        case .malformed: "webhook.malformed"
        }
    }

    package var message: String {
        switch self {
        case .signatureInvalid: "The webhook's signature is not valid."
        case .expired: "The webhook was signed too long ago, or in the future."
        case .malformed: "The webhook could not be understood."
        }
    }

    package var detail: String? {
        switch self {
        case .signatureInvalid, .expired: nil
        case .malformed(let detail): detail
        }
    }
}
