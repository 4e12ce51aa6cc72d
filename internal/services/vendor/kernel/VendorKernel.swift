package import SoukCallContext
package import SoukIDs
package import SoukIdentifiers

/// What the vendor service offers its peers: who sells, what is in stock, and holds on that stock.
///
/// Every mutation names the order it belongs to, and that is its idempotency key: repeating a call changes nothing
/// more and gives the same answer.
package protocol VendorKernel: Sendable {
    /// The vendors that these users own, keyed by user; users without a vendor are left out.
    ///
    /// - Parameter users: at most 1,000.
    /// - Throws: ``VendorKernelError/unavailable(_:)``.
    func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary]

    /// The vendors with these ids; unknown ids are left out.
    ///
    /// - Parameter ids: at most 1,000.
    /// - Throws: ``VendorKernelError/unavailable(_:)``.
    func vendors(_ ids: [VendorID], _ context: CallContext) async throws(VendorKernelError) -> [VendorID:
        VendorSummary]

    /// Where each SKU of a vendor can be bought now: one entry per store that is open and lists the SKU (available may
    /// be zero), the best stocked store first.
    ///
    /// - Parameter skus: at most 1,000.
    /// - Throws: ``VendorKernelError/unavailable(_:)``.
    func offers(_ skus: [VendorSKU], _ context: CallContext) async throws(VendorKernelError) -> [StockOffer]

    /// Holds every line of an order until it is committed, released or expires; all lines or none.
    ///
    /// The same order with the same lines gives back the reservation that stands. A hold that takes, with the holder's others,
    /// a large share of a SKU's stock is a short one; who let several of them end unpaid gets no more of them for a time.
    ///
    /// - Throws: ``VendorKernelError/insufficientStock(_:)`` naming every line that falls short,
    ///   ``VendorKernelError/holdTooLarge(_:)`` naming every line of which the holder would have too much,
    ///   ``VendorKernelError/storeClosed(_:)``, ``VendorKernelError/reservationEnded(_:)`` if this order's
    ///   reservation was already released, committed or expired, ``VendorKernelError/unavailable(_:)``.
    func reserve(_ request: ReservationRequest, _ context: CallContext) async throws(VendorKernelError)
        -> Reservation

    /// Gives an order's reserved stock back. Unknown, released and expired reservations are left as they are.
    ///
    /// - Throws: ``VendorKernelError/reservationEnded(_:)`` if it was already committed,
    ///   ``VendorKernelError/unavailable(_:)``.
    func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError)

    /// Cancels every vendor order of a paid order and puts the stock back, if nothing of it has shipped.
    ///
    /// If the order's `order.paid` has not arrived here yet, the cancellation is remembered and wins.
    ///
    /// - Throws: ``VendorKernelError/alreadyShipped(_:)``, ``VendorKernelError/unavailable(_:)``.
    func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError)
}

/// A SKU within its vendor, whose SKUs are unique.
package struct VendorSKU: Sendable, Hashable {
    package let vendorID: VendorID
    package let sku: String

    package init(vendorID: VendorID, sku: String) {
        self.vendorID = vendorID
        self.sku = sku
    }
}

/// A vendor as peers see one.
package struct VendorSummary: Sendable, Hashable {
    package enum Status: String, Sendable, CaseIterable {
        case pending, active, suspended, rejected
    }

    package let id: VendorID
    package let ownerID: UserID
    package let name: String
    package let status: Status

    package init(id: VendorID, ownerID: UserID, name: String, status: Status) {
        self.id = id
        self.ownerID = ownerID
        self.name = name
        self.status = status
    }
}

/// What one store has of one SKU.
package struct StockOffer: Sendable, Hashable {
    package let vendorID: VendorID
    package let sku: String
    package let storeID: StoreID
    package let storeName: String
    /// On hand less reserved; never negative.
    package let available: Int

    package init(vendorID: VendorID, sku: String, storeID: StoreID, storeName: String, available: Int) {
        self.vendorID = vendorID
        self.sku = sku
        self.storeID = storeID
        self.storeName = storeName
        self.available = available
    }
}

/// What checkout asks to hold.
package struct ReservationRequest: Sendable, Hashable {
    package struct Line: Sendable, Hashable {
        package let storeID: StoreID
        package let sku: String
        /// At least 1. A SKU of a store appears once.
        package let quantity: Int

        package init(storeID: StoreID, sku: String, quantity: Int) {
            self.storeID = storeID
            self.sku = sku
            self.quantity = quantity
        }
    }

    package let orderID: OrderID
    /// For whom it is held, whose holds are counted together: any text of 1 to 100 bytes.
    package let holder: String
    /// 1 to 1,000 lines.
    package let lines: [Line]
    /// How long the hold stands if nobody commits it.
    package let holdFor: Duration
    /// How long it stands if it is a large one, should that be shorter.
    package let holdLargeFor: Duration

    package init(
        orderID: OrderID, holder: String, lines: [Line], holdFor: Duration, holdLargeFor: Duration
    ) {
        self.orderID = orderID
        self.holder = holder
        self.lines = lines
        self.holdFor = holdFor
        self.holdLargeFor = holdLargeFor
    }
}

/// A hold on stock.
package struct Reservation: Sendable, Hashable {
    package let id: ReservationID
    package let orderID: OrderID
    /// Whether it takes a large share of the stock of one of its lines, and so stands for a short time only.
    package let isLarge: Bool

    package init(id: ReservationID, orderID: OrderID, isLarge: Bool) {
        self.id = id
        self.orderID = orderID
        self.isLarge = isLarge
    }
}
