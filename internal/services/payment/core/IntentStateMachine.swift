import SoukMoney
import SoukPaymentKernel

/// What a provider says has become of a charge.
enum ChargeSignal: Sendable, Hashable {
    case authorized(Money)
    case captured(Money)
    /// Declined for good or run out of time; a short code.
    case failed(reason: String)
    case cancelled

    init?(_ state: ProviderChargeState) {
        switch state.status {
        case .pending: return nil
        case .authorized: self = .authorized(state.amount)
        case .captured: self = .captured(state.amount)
        case .failed: self = .failed(reason: state.failureReason ?? "declined")
        case .expired: self = .failed(reason: "expired")
        case .cancelled: self = .cancelled
        }
    }

    init?(_ event: ProviderEvent) {
        switch event.kind {
        case .chargeAuthorized: self = .authorized(event.amount)
        case .chargeCaptured: self = .captured(event.amount)
        case .chargeFailed(let reason): self = .failed(reason: reason)
        case .chargeCancelled: self = .cancelled
        case .other: return nil
        }
    }
}

/// What a signal does to an intent.
enum IntentTransition: Sendable, Hashable {
    case become(PaymentIntent.State, reason: String?)
    /// The signal comes late or again: nothing changes.
    case ignore
    /// It speaks of another amount or currency than the intent's: nothing changes, somebody must look.
    case mismatch
}

/// pending → authorized → captured | failed | cancelled, in whatever order the provider's messages arrive.
///
/// Captured is final and wins over everything: money that was taken is never forgotten, not even when the intent was
/// given up before we heard of it. (The order service then asks for it back.) Failed and cancelled are left only for
/// captured.
enum IntentStateMachine {
    static func transition(
        from state: PaymentIntent.State, amount: Money, on signal: ChargeSignal
    ) -> IntentTransition {
        switch (state, signal) {
        case (.captured, _):
            .ignore
        case (_, .captured(let taken)):
            taken == amount ? .become(.captured, reason: nil) : .mismatch
        case (.pending, .authorized(let held)):
            held == amount ? .become(.authorized, reason: nil) : .mismatch
        case (.pending, .failed(let reason)), (.authorized, .failed(let reason)):
            .become(.failed, reason: reason)
        case (.pending, .cancelled), (.authorized, .cancelled):
            .become(.cancelled, reason: nil)
        case (.authorized, .authorized), (.failed, _), (.cancelled, _):
            .ignore
        }
    }
}
