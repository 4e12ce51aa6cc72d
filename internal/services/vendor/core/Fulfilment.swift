import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukVendorKernel

/// What vendors do with their parts of paid orders: accept, ship, deliver.
///
/// A suspended vendor does so too: what customers paid for is still sent to them. Every change locks its vendor order
/// first, and stock after it.
struct Fulfilment: Sendable {
    let database: any Database
    let ledger: StockLedger
    let outbox: Outbox
    let clock: any WallClock

    /// What a vendor hands to a carrier.
    struct Parcel: Sendable {
        let carrier: String
        let trackingNumber: String?
        /// Each line once; nil for all that is left.
        let lines: [LineQuantity]?
    }

    /// Takes the order on. A backordered one needs its stock now.
    ///
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/illegalTransition(_:_:)``,
    ///   ``VendorError/insufficientStock(_:)``.
    func accept(_ id: VendorOrderID, by user: UserID) async throws -> VendorOrder {
        let now = clock.now()
        return try await database.transaction(isolation: .readCommitted) { tx in
            let order = try await own(id, user, tx)
            guard let status = try order.status.accepting() else { return order }
            if order.isBackordered {
                let entry = StockLedger.Entry(reason: .sale, reference: order.orderID.description, now: now)
                let short = try await ledger.take(order.stock, entry, tx)
                guard short.isEmpty else { throw VendorError.insufficientStock(short.map(\.sku)) }
            }
            try await move(order, to: status, isBackordered: false, at: now, tx)
            return try await reread(id, tx)
        }
    }

    /// Sends a parcel off.
    ///
    /// - Parameter key: The request's idempotency key: repeated, it gives back the shipment that it made.
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/illegalTransition(_:_:)``,
    ///   ``VendorError/shipmentExceedsOrder(_:)`` (also for lines that the order doesn't have).
    func ship(
        _ parcel: Parcel, of id: VendorOrderID, by user: UserID, key: String
    ) async throws -> (VendorOrder, ShipmentID) {
        let now = clock.now()
        let shipmentID = ShipmentID()
        return try await database.transaction(isolation: .readCommitted) { tx in
            let order = try await own(id, user, tx)
            let scope = "shipment:\(id)"
            if let made = try await AppliedRequestTable.result(of: key, in: scope, tx).flatMap(
                ShipmentID.init)
            {
                return (order, made)
            }
            let lines = try Self.shippable(parcel.lines, of: order)
            let quantity = lines.reduce(0) { $0 + $1.quantity }
            let left = order.lines.reduce(0) { $0 + $1.unshipped } - quantity
            let status = try order.status.shipping(completely: left == 0)
            for line in lines {
                try await VendorOrderTable.addShipped(line.quantity, of: line.lineID, in: id, tx)
            }
            let shipment = Shipment(
                id: shipmentID, vendorOrderID: id, carrier: parcel.carrier,
                trackingNumber: parcel.trackingNumber,
                status: .shipped, lines: lines, createdAt: now, deliveredAt: nil)
            try await ShipmentTable.insert(shipment, tx)
            try await outbox.append(
                ShipmentCreated(
                    shipmentId: shipment.id, vendorOrderId: id, orderId: order.orderID, number: order.number,
                    customerId: order.customerID, vendorId: order.vendorID, carrier: shipment.carrier,
                    trackingNumber: shipment.trackingNumber, lines: Self.payload(lines, of: order)), in: tx)
            if status != order.status {
                try await move(order, to: status, isBackordered: false, at: now, tx)
            }
            try await AppliedRequestTable.record(key, in: scope, result: shipmentID.description, at: now, tx)
            return (try await reread(id, tx), shipmentID)
        }
    }

    /// Notes that a parcel arrived; the last one completes the order.
    ///
    /// - Throws: ``VendorError/notFound(_:)`` for order or shipment.
    func deliver(_ shipment: ShipmentID, of id: VendorOrderID, by user: UserID) async throws -> VendorOrder {
        let now = clock.now()
        return try await database.transaction(isolation: .readCommitted) { tx in
            let order = try await own(id, user, tx)
            guard let parcel = order.shipments.first(where: { $0.id == shipment }) else {
                throw VendorError.notFound(.shipment)
            }
            guard parcel.status == .shipped else { return order }
            try await ShipmentTable.setDelivered(shipment, at: now, tx)
            let everyParcel = order.shipments.allSatisfy { $0.id == shipment || $0.status == .delivered }
            if let status = order.status.delivering(everyParcel: everyParcel) {
                try await move(order, to: status, isBackordered: false, at: now, tx)
            }
            return try await reread(id, tx)
        }
    }

    /// Cancels every part of an order and puts its stock back; before the parts exist, sees to it that they never will.
    ///
    /// - Throws: ``VendorKernelError/alreadyShipped(_:)``.
    func cancel(_ order: OrderID, releasing reservations: Reservations) async throws {
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await ReservationTable.lock(order, tx)
            let parts = try await VendorOrderTable.lock(of: order, tx)
            guard parts.allSatisfy(\.status.isCancellable) else {
                throw VendorKernelError.alreadyShipped(order)
            }
            try await ReservationTable.markCancelled(order, at: now, tx)
            try await reservations.release(order, at: now, tx)
            let entry = StockLedger.Entry(reason: .cancellation, reference: order.description, now: now)
            for part in parts {
                guard let status = try part.status.cancelling() else { continue }
                if !part.isBackordered { try await ledger.put(part.stock, entry, tx) }
                try await move(part, to: status, isBackordered: part.isBackordered, at: now, tx)
            }
        }
    }

    /// A vendor order for its vendor's owner or its customer.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func order(_ id: VendorOrderID, for user: UserID) async throws -> VendorOrder {
        try await database.snapshot { db in
            guard let order = try await VendorOrderTable.find(id, db) else {
                throw VendorError.notFound(.vendorOrder)
            }
            if order.customerID == user { return order }
            guard try await VendorTable.find(order.vendorID, db)?.ownerID == user else {
                throw VendorError.notFound(.vendorOrder)
            }
            return order
        }
    }

    /// The vendor orders of the user's vendor, newest first.
    ///
    /// - Throws: ``VendorError/notFound(_:)`` if the user has no vendor account.
    func orders(
        _ request: PageRequest, _ filter: VendorOrderTable.Filter, of user: UserID
    ) async throws -> Page<VendorOrder> {
        try await database.snapshot { db in
            guard let vendor = try await VendorTable.find(ownedBy: user, db) else {
                throw VendorError.notFound(.vendor)
            }
            var filter = filter
            filter.vendor = vendor.id
            return try await VendorOrderTable.page(request, filter, db)
        }
    }

    /// All vendors' orders, newest first, for admins.
    func all(_ request: PageRequest, _ filter: VendorOrderTable.Filter) async throws -> Page<VendorOrder> {
        try await database.snapshot { try await VendorOrderTable.page(request, filter, $0) }
    }

    /// What goes into a parcel, if the order has it left.
    static func shippable(_ wanted: [LineQuantity]?, of order: VendorOrder) throws(VendorError)
        -> [LineQuantity]
    {
        let lines =
            wanted
            ?? order.lines.filter { $0.unshipped > 0 }.map {
                LineQuantity(lineID: $0.id, quantity: $0.unshipped)
            }
        // The state is the better answer where nothing can be shipped at all.
        _ = try order.status.shipping(completely: true)
        let tooMany = lines.filter { $0.quantity > order.line($0.lineID)?.unshipped ?? 0 }
        guard tooMany.isEmpty else { throw .shipmentExceedsOrder(tooMany.map(\.lineID)) }
        return lines
    }

    static func payload(_ lines: [LineQuantity], of order: VendorOrder) -> [LineQuantityPayload] {
        lines.compactMap { line in
            order.line(line.lineID).map {
                LineQuantityPayload(lineId: $0.id, sku: $0.sku, quantity: line.quantity)
            }
        }
    }

    private func move(
        _ order: VendorOrder, to status: VendorOrderStatus, isBackordered: Bool, at now: Timestamp,
        _ tx: any Transaction
    ) async throws {
        try await VendorOrderTable.setStatus(order.id, status, isBackordered: isBackordered, at: now, tx)
        try await outbox.append(
            VendorOrderChanged(
                vendorOrderId: order.id, orderId: order.orderID, number: order.number,
                customerId: order.customerID, vendorId: order.vendorID, status: status.rawValue), in: tx)
    }

    private func own(_ id: VendorOrderID, _ user: UserID, _ tx: any Transaction) async throws -> VendorOrder {
        guard let order = try await VendorOrderTable.find(id, tx, locking: true),
            try await VendorTable.find(order.vendorID, tx)?.ownerID == user
        else { throw VendorError.notFound(.vendorOrder) }
        return order
    }

    private func reread(_ id: VendorOrderID, _ tx: any Transaction) async throws -> VendorOrder {
        guard let order = try await VendorOrderTable.find(id, tx) else {
            throw VendorError.notFound(.vendorOrder)
        }
        return order
    }
}
