package import SoukCloudEvents

/// Every event of the marketplace: the single source of truth, which `docs/events.md` is held against.
package enum EventDictionary {
    package static let all: [any Event.Type] = [
        UserRegistered.self,
        UserUpdated.self,
        UserMailRequested.self,
        SessionEnded.self,
        VendorStatusChanged.self,
        StockLow.self,
        OrderPlaced.self,
        OrderPaid.self,
        OrderCancelled.self,
        OrderRefundRequired.self,
        PaymentSucceeded.self,
        PaymentFailed.self,
        PaymentRefunded.self,
        VendorOrderCreated.self,
        VendorOrderChanged.self,
        ShipmentCreated.self,
        ReturnRequested.self,
        ReturnApproved.self,
        ReturnRejected.self,
    ]
}
