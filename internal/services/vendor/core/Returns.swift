import SoukDatabase
import SoukErrors
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTime

/// Goods on their way back: customers ask, vendors decide. A request locks its vendor order, a decision its return.
struct Returns: Sendable {
    let database: any Database
    let ledger: StockLedger
    let outbox: Outbox
    let clock: any WallClock

    /// Asks to send something back.
    ///
    /// - Parameters:
    ///   - lines: Each line once.
    ///   - key: The request's idempotency key: repeated, it gives back the return that it made.
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/nothingShipped``,
    ///   ``VendorError/returnExceedsShipped(_:)`` (also for lines that the order doesn't have).
    func request(
        _ lines: [LineQuantity], of id: VendorOrderID, reason: String, by customer: UserID, key: String
    ) async throws -> ReturnCase {
        let now = clock.now()
        let returnID = ReturnID()
        return try await database.transaction(isolation: .readCommitted) { tx in
            guard let order = try await VendorOrderTable.find(id, tx, locking: true),
                order.customerID == customer
            else {
                throw VendorError.notFound(.vendorOrder)
            }
            let scope = "return:\(id)"
            if let made = try await AppliedRequestTable.result(of: key, in: scope, tx).flatMap(ReturnID.init),
                let standing = try await ReturnTable.find(made, tx)
            {
                return standing
            }
            let request = try Self.returnCase(returnID, lines, of: order, reason: reason, at: now)
            for line in lines {
                try await VendorOrderTable.addClaimed(line.quantity, of: line.lineID, in: id, tx)
            }
            try await ReturnTable.insert(request, tx)
            guard let vendor = try await VendorTable.find(order.vendorID, tx) else {
                throw VendorError.notFound(.vendor)
            }
            try await outbox.append(
                ReturnRequested(
                    returnId: request.id, vendorOrderId: id, orderId: order.orderID, number: order.number,
                    customerId: order.customerID, vendorId: vendor.id, ownerId: vendor.ownerID,
                    amount: request.amount), in: tx)
            try await AppliedRequestTable.record(key, in: scope, result: returnID.description, at: now, tx)
            return request
        }
    }

    /// Takes the goods back, into stock or not. Approving again changes nothing.
    ///
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/illegalReturnDecision(_:_:)``.
    func approve(_ id: ReturnID, restock: Bool, by user: UserID) async throws -> ReturnCase {
        let now = clock.now()
        return try await database.transaction(isolation: .readCommitted) { tx in
            let request = try await own(id, user, tx)
            guard let status = try request.status.deciding(.approved) else { return request }
            try await ReturnTable.decide(id, status, rejectionReason: nil, isRestocked: restock, at: now, tx)
            if restock {
                let stock = StockQuantities(
                    request.lines.map { (StockKey(storeID: request.storeID, sku: $0.sku), $0.quantity) })
                try await ledger.put(
                    stock, StockLedger.Entry(reason: .return, reference: id.description, now: now), tx)
            }
            try await outbox.append(
                ReturnApproved(
                    returnId: id, vendorOrderId: request.vendorOrderID, orderId: request.orderID,
                    number: request.number, customerId: request.customerID, vendorId: request.vendorID,
                    amount: request.amount,
                    lines: request.lines.map {
                        LineQuantityPayload(lineId: $0.lineID, sku: $0.sku, quantity: $0.quantity)
                    },
                    restocked: restock), in: tx)
            return try await reread(id, tx)
        }
    }

    /// Declines. What was claimed can be asked for again. Rejecting again changes nothing.
    ///
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/illegalReturnDecision(_:_:)``.
    func reject(_ id: ReturnID, reason: String, by user: UserID) async throws -> ReturnCase {
        let now = clock.now()
        return try await database.transaction(isolation: .readCommitted) { tx in
            let request = try await own(id, user, tx)
            guard let status = try request.status.deciding(.rejected) else { return request }
            try await ReturnTable.decide(id, status, rejectionReason: reason, isRestocked: nil, at: now, tx)
            for line in request.lines {
                try await VendorOrderTable.addClaimed(
                    -line.quantity, of: line.lineID, in: request.vendorOrderID, tx)
            }
            try await outbox.append(
                ReturnRejected(
                    returnId: id, orderId: request.orderID, number: request.number,
                    customerId: request.customerID, reason: reason), in: tx)
            return try await reread(id, tx)
        }
    }

    /// A return for its customer or its vendor's owner.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func find(_ id: ReturnID, for user: UserID) async throws -> ReturnCase {
        try await database.snapshot { db in
            guard let request = try await ReturnTable.find(id, db) else {
                throw VendorError.notFound(.return)
            }
            if request.customerID == user { return request }
            guard try await VendorTable.find(request.vendorID, db)?.ownerID == user else {
                throw VendorError.notFound(.return)
            }
            return request
        }
    }

    /// What the user sent back, newest first.
    func requested(_ request: PageRequest, status: ReturnStatus?, by customer: UserID) async throws -> Page<
        ReturnCase
    > {
        try await database.snapshot {
            try await ReturnTable.page(request, .customer(customer), status: status, $0)
        }
    }

    /// What came back to the user's vendor, newest first.
    ///
    /// - Throws: ``VendorError/notFound(_:)`` if the user has no vendor account.
    func received(_ request: PageRequest, status: ReturnStatus?, by user: UserID) async throws -> Page<
        ReturnCase
    > {
        try await database.snapshot { db in
            guard let vendor = try await VendorTable.find(ownedBy: user, db) else {
                throw VendorError.notFound(.vendor)
            }
            return try await ReturnTable.page(request, .vendor(vendor.id), status: status, db)
        }
    }

    /// A new return, valued at frozen prices, if so much was shipped and is not in another return.
    static func returnCase(
        _ id: ReturnID, _ lines: [LineQuantity], of order: VendorOrder, reason: String, at now: Timestamp
    ) throws -> ReturnCase {
        guard order.lines.contains(where: { $0.shipped > 0 }) else { throw VendorError.nothingShipped }
        let tooMany = lines.filter { $0.quantity > order.line($0.lineID)?.returnable ?? 0 }
        guard tooMany.isEmpty else { throw VendorError.returnExceedsShipped(tooMany.map(\.lineID)) }
        let returned = try lines.compactMap { line in
            try order.line(line.lineID).map {
                ReturnLine(
                    lineID: $0.id, sku: $0.sku, title: $0.title, quantity: line.quantity,
                    unitPrice: $0.unitPrice,
                    amount: try $0.unitPrice.multiplied(by: Int64(line.quantity)))
            }
        }
        return ReturnCase(
            id: id, vendorOrderID: order.id, orderID: order.orderID, number: order.number,
            customerID: order.customerID, vendorID: order.vendorID, storeID: order.storeID,
            status: .requested,
            reason: reason, rejectionReason: nil, isRestocked: nil,
            amount: try Money.sum(returned.map(\.amount), in: order.total.currency), lines: returned,
            requestedAt: now, decidedAt: nil)
    }

    private func own(_ id: ReturnID, _ user: UserID, _ tx: any Transaction) async throws -> ReturnCase {
        guard let request = try await ReturnTable.find(id, tx, locking: true),
            try await VendorTable.find(request.vendorID, tx)?.ownerID == user
        else { throw VendorError.notFound(.return) }
        return request
    }

    private func reread(_ id: ReturnID, _ tx: any Transaction) async throws -> ReturnCase {
        guard let request = try await ReturnTable.find(id, tx) else { throw VendorError.notFound(.return) }
        return request
    }
}
