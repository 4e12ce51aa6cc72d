import SoukEventsRuntime

extension SagaStep {
    /// Whether the step makes sense for an order as it is.
    func fits(_ order: Order) -> Bool {
        switch self {
        case .reserve, .undoIntent, .undoStock: order.status == .creating
        // A standing order's payment is made anew when it got lost.
        case .createIntent: order.status == .creating || order.status == .awaitingPayment
        case .cancelIntent: order.status == .cancelling && !order.wasPaid
        case .cancelFulfilment: order.status == .cancelling && order.wasPaid
        }
    }
}

extension CrashPoint {
    /// A peer has done what a saga's step asked of it; the order's database doesn't know yet.
    static let sagaBeforeSettle: CrashPoint = "order.saga_before_settle"
    /// A saga's step is persisted; the next one isn't begun.
    static let sagaAfterSettle: CrashPoint = "order.saga_after_settle"
}
