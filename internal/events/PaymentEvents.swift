import SoukCloudEvents
package import SoukIDs
package import SoukIdentifiers
package import SoukMoney

/// The money of an order was captured.
package struct PaymentSucceeded: Event {
    package static var type: String { "payment.succeeded.v1" }
    package static var topic: String { Topic.payments.rawValue }
    package var key: String { orderId.description }

    package let paymentId: PaymentID
    package let orderId: OrderID
    package let customerId: UserID
    package let amount: Money

    package init(paymentId: PaymentID, orderId: OrderID, customerId: UserID, amount: Money) {
        self.paymentId = paymentId
        self.orderId = orderId
        self.customerId = customerId
        self.amount = amount
    }
}

/// The provider declined for good, or the time to pay ran out.
package struct PaymentFailed: Event {
    package static var type: String { "payment.failed.v1" }
    package static var topic: String { Topic.payments.rawValue }
    package var key: String { orderId.description }

    package let paymentId: PaymentID
    package let orderId: OrderID
    package let customerId: UserID
    /// A short code such as `declined`.
    package let reason: String

    package init(paymentId: PaymentID, orderId: OrderID, customerId: UserID, reason: String) {
        self.paymentId = paymentId
        self.orderId = orderId
        self.customerId = customerId
        self.reason = reason
    }
}

/// Money went back to a customer.
package struct PaymentRefunded: Event {
    package static var type: String { "payment.refunded.v1" }
    package static var topic: String { Topic.payments.rawValue }
    package var key: String { orderId.description }

    package let refundId: RefundID
    package let paymentId: PaymentID
    package let orderId: OrderID
    package let customerId: UserID
    package let amount: Money
    /// All that has been refunded of this payment, this refund included.
    package let totalRefunded: Money
    /// The return that this refund pays for, if it does.
    package let returnId: ReturnID?

    package init(
        refundId: RefundID, paymentId: PaymentID, orderId: OrderID, customerId: UserID, amount: Money,
        totalRefunded: Money, returnId: ReturnID?
    ) {
        self.refundId = refundId
        self.paymentId = paymentId
        self.orderId = orderId
        self.customerId = customerId
        self.amount = amount
        self.totalRefunded = totalRefunded
        self.returnId = returnId
    }
}
