package import SoukCallContext
package import SoukErrors
package import SoukIDs
package import SoukIdentifiers
package import SoukMoney
package import SoukTime

/// What the payment service offers its peers: payment intents for orders.
package protocol PaymentKernel: Sendable {
    /// Creates the intent that pays an order, or gives back the one that exists: the order is the idempotency key.
    ///
    /// - Throws: ``PaymentKernelError/intentMismatch(_:)`` if the order has an intent over other amounts,
    ///   ``PaymentKernelError/providerRefused(_:)``, ``PaymentKernelError/unavailable(_:)``.
    func createIntent(_ request: IntentRequest, _ context: CallContext) async throws(PaymentKernelError)
        -> PaymentIntent

    /// Cancels the intent of an order unless money has been taken, and gives its state afterwards: `captured` means that
    /// the payment won. Repeating it changes nothing; an order without an intent gives nil, and can't be paid later.
    ///
    /// - Throws: ``PaymentKernelError/unavailable(_:)``.
    func cancelIntent(_ order: OrderID, _ context: CallContext) async throws(PaymentKernelError)
        -> PaymentIntent?

    /// The intents of these orders; orders without one are left out.
    ///
    /// - Parameter orders: at most 1,000.
    /// - Throws: ``PaymentKernelError/unavailable(_:)``.
    func intents(of orders: [OrderID], _ context: CallContext) async throws(PaymentKernelError) -> [OrderID:
        PaymentIntent]

    /// The intents captured since a moment, oldest first, for peers that reconcile.
    ///
    /// - Parameter limit: 1 to 1,000.
    /// - Throws: ``PaymentKernelError/unavailable(_:)``.
    func captured(
        since: Timestamp, limit: Int, _ context: CallContext
    ) async throws(PaymentKernelError) -> [PaymentIntent]
}

/// What is to be paid, and whose share is what.
package struct IntentRequest: Sendable, Hashable {
    /// One vendor's share before commission.
    package struct Share: Sendable, Hashable {
        package let vendorID: VendorID
        package let gross: Money

        package init(vendorID: VendorID, gross: Money) {
            self.vendorID = vendorID
            self.gross = gross
        }
    }

    package let orderID: OrderID
    package let customerID: UserID
    /// Positive.
    package let amount: Money
    /// One per vendor; they sum to `amount`.
    package let shares: [Share]
    /// When the provider must stop taking money for it.
    package let expiresAt: Timestamp

    package init(orderID: OrderID, customerID: UserID, amount: Money, shares: [Share], expiresAt: Timestamp) {
        self.orderID = orderID
        self.customerID = customerID
        self.amount = amount
        self.shares = shares
        self.expiresAt = expiresAt
    }
}

/// A payment intent as peers see it.
package struct PaymentIntent: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// Waiting for the customer.
        case pending
        /// The provider holds the money for us; `capture` takes it.
        case authorized
        case captured
        case failed
        case cancelled
    }

    package let id: PaymentID
    package let orderID: OrderID
    package let customerID: UserID
    package let amount: Money
    package let refunded: Money
    package let state: State
    /// The provider's page where the customer pays; nil once nothing is left to pay.
    package let payURL: String?
    package let capturedAt: Timestamp?

    package init(
        id: PaymentID, orderID: OrderID, customerID: UserID, amount: Money, refunded: Money, state: State,
        payURL: String?, capturedAt: Timestamp?
    ) {
        self.id = id
        self.orderID = orderID
        self.customerID = customerID
        self.amount = amount
        self.refunded = refunded
        self.state = state
        self.payURL = payURL
        self.capturedAt = capturedAt
    }
}

package enum PaymentKernelError: SoukError {
    case intentMismatch(OrderID)
    /// The order was cancelled before its intent was made.
    case orderCancelled(OrderID)
    /// The provider said no; the text is for logs.
    case providerRefused(String)
    /// The service, its database or the provider can't be reached now; the text is for logs.
    case unavailable(String)

    package var kind: ErrorKind {
        switch self {
        case .intentMismatch, .orderCancelled: .conflict
        case .providerRefused: .unprocessable
        case .unavailable: .unavailable
        }
    }

    package var code: String {
        switch self {
        case .intentMismatch: "payment.mismatch"
        case .orderCancelled: "payment.order_cancelled"
        case .providerRefused: "payment.refused"
        case .unavailable: "payment.unavailable"
        }
    }

    package var message: String {
        switch self {
        case .intentMismatch: "This order already has a payment over another amount."
        case .orderCancelled: "This order was cancelled."
        case .providerRefused: "The payment provider refused the payment."
        case .unavailable: "The payment service can't be reached right now."
        }
    }

    package var detail: String? {
        switch self {
        case .intentMismatch(let order), .orderCancelled(let order): "order \(order)"
        case .providerRefused(let detail), .unavailable(let detail): detail
        }
    }
}
