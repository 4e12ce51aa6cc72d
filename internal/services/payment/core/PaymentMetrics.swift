import Metrics

/// What operators watch of the payment service.
enum PaymentMetrics {
    static func webhook(_ outcome: String) {
        Counter(label: "souk_payment_webhooks_total", dimensions: [("outcome", outcome)]).increment()
    }

    static func intent(_ state: String) {
        Counter(label: "souk_payment_intents_total", dimensions: [("state", state)]).increment()
    }

    static func refund(_ state: String) {
        Counter(label: "souk_payment_refunds_total", dimensions: [("state", state)]).increment()
    }

    /// Somebody must look: the provider speaks of another amount than we do.
    static func mismatch() {
        Counter(label: "souk_payment_mismatches_total").increment()
    }
}
