import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime
import SoukVendorKernel

/// Holds on stock, from checkout until the order is paid, given up, or out of time.
///
/// The rows of stock are hot: everybody who buys a SKU changes one. So these transactions run at `.readCommitted`, where
/// they wait for each other instead of running again: the order's turn first, then the rows in the order of
/// ``StockQuantities``, each changed by one guarded statement.
struct Reservations: Sendable {
    /// Holds that one transaction of ``expireDue()`` ends at most.
    static let expiryBatch = 50
    /// Holds that one transaction of ``purge()`` forgets at most.
    private static let purgeBatch = 100
    /// How long a hold that ended unpaid is remembered: longer than any order may take to ask for it again.
    static let endedRetention: Duration = .seconds(7 * 86_400)

    let database: any Database
    let ledger: StockLedger
    let clock: any WallClock
    let limits: HoldLimits

    /// Holds all lines or none; the order is the idempotency key.
    ///
    /// - Throws: ``VendorKernelError`` as ``VendorKernel/reserve(_:_:)``.
    func reserve(_ request: ReservationRequest) async throws -> Reservation {
        guard (1...1_000).contains(request.lines.count), request.lines.allSatisfy({ $0.quantity > 0 }) else {
            throw VendorKernelError.unavailable("malformed reservation of order \(request.orderID)")
        }
        let stock = StockQuantities(
            request.lines.map { (StockKey(storeID: $0.storeID, sku: $0.sku), $0.quantity) })
        let now = clock.now()
        return try await database.transaction(isolation: .readCommitted) { tx in
            try await ReservationTable.lock(request.orderID, tx)
            if let standing = try await standing(request.orderID, stock, at: now, tx) { return standing }
            try await requireSelling(stock, tx)
            let large = try await hold(stock, for: request.holder, at: now, tx)
            let isLarge = !large.isEmpty
            let time = isLarge ? min(request.holdFor, request.holdLargeFor) : request.holdFor
            let reservation = HeldStock(
                id: ReservationID(), orderID: request.orderID, state: .held, isLarge: isLarge,
                expiresAt: now + time)
            try await ReservationTable.insert(
                reservation, for: request.holder, stock, large: large, at: now, tx)
            return Reservation(id: reservation.id, orderID: reservation.orderID, isLarge: isLarge)
        }
    }

    /// Holds all of it, or throws, which undoes what could be held; the items of which that makes a large hold. Reservations of
    /// one holder take turns, so what is counted here holds.
    private func hold(
        _ stock: StockQuantities, for holder: String, at now: Timestamp, _ tx: any Transaction
    ) async throws -> Set<StockKey> {
        try await tx.lock("holder:\(holder)")
        let record = try await ReservationTable.record(
            of: holder, endedAfter: now - limits.coolDown, tx)
        var large: Set<StockKey> = []
        var shortages: [VendorKernelError.Shortage] = []
        var excesses: [VendorKernelError.Shortage] = []
        for (key, quantity) in stock.entries {
            guard let onHand = try await StockTable.hold(key, quantity, at: now, tx) else {
                let available = try await StockTable.find(key, tx)?.available ?? 0
                shortages.append(
                    .init(storeID: key.storeID, sku: key.sku, requested: quantity, available: available))
                continue
            }
            let mine = record[key] ?? HolderRecord(held: 0, givenUp: 0)
            let most = limits.most(of: onHand)
            guard mine.held + quantity > most else { continue }
            large.insert(key)
            guard mine.givenUp >= limits.attempts else { continue }
            excesses.append(
                .init(
                    storeID: key.storeID, sku: key.sku, requested: quantity,
                    available: max(0, most - mine.held)))
        }
        guard shortages.isEmpty else { throw VendorKernelError.insufficientStock(shortages) }
        guard excesses.isEmpty else { throw VendorKernelError.holdTooLarge(excesses) }
        return large
    }

    /// Gives an order's hold back, if there is one.
    ///
    /// - Throws: ``VendorKernelError/reservationEnded(_:)`` if it was committed.
    func release(_ order: OrderID) async throws {
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            guard try await !release(order, at: now, tx),
                try await ReservationTable.find(order, tx)?.state == .committed
            else { return }
            throw VendorKernelError.reservationEnded(order)
        }
    }

    /// Gives an order's hold back within a transaction; false if there is none to give back.
    @discardableResult
    func release(_ order: OrderID, at now: Timestamp, _ tx: any Transaction) async throws -> Bool {
        try await ReservationTable.lock(order, tx)
        guard let id = try await ReservationTable.end(order, as: .released, at: now, tx) else { return false }
        try await ledger.unhold(try await ReservationTable.lines(of: [id], tx), forSale: false, at: now, tx)
        return true
    }

    /// Turns an order's hold into stock that is free to be taken by the same transaction; nothing if it has ended.
    func commit(_ order: OrderID, at now: Timestamp, _ tx: any Transaction) async throws {
        guard let id = try await ReservationTable.end(order, as: .committed, at: now, tx) else { return }
        try await ledger.unhold(try await ReservationTable.lines(of: [id], tx), forSale: true, at: now, tx)
    }

    /// Ends the holds that are past their time, in small transactions, so that nobody waits long for the stock rows.
    func expireDue() async throws {
        while true {
            try Task.checkCancellation()
            let now = clock.now()
            // Mostly nothing is due, and then the writers need not wait for this.
            guard try await ReservationTable.isAnyDue(at: now, database) else { return }
            let expired = try await database.transaction(isolation: .readCommitted) { tx in
                let ids = try await ReservationTable.expire(at: now, limit: Self.expiryBatch, tx)
                guard !ids.isEmpty else { return 0 }
                try await ledger.unhold(
                    try await ReservationTable.lines(of: ids, tx), forSale: false, at: now, tx)
                return ids.count
            }
            guard expired == Self.expiryBatch else { return }
        }
    }

    /// Forgets holds that ended unpaid long ago.
    func purge() async throws {
        let moment = clock.now() - Self.endedRetention
        var purged: Int
        repeat {
            try Task.checkCancellation()
            purged = try await database.transaction(isolation: .readCommitted) { tx in
                try await ReservationTable.purge(before: moment, limit: Self.purgeBatch, tx)
            }
        } while purged == Self.purgeBatch
    }

    /// The order's reservation, if it stands over the same stock.
    ///
    /// - Throws: ``VendorKernelError/reservationEnded(_:)`` if the order had another one or must not have any.
    private func standing(
        _ order: OrderID, _ stock: StockQuantities, at now: Timestamp, _ tx: any Transaction
    ) async throws -> Reservation? {
        guard try await !ReservationTable.isCancelled(order, tx) else {
            throw VendorKernelError.reservationEnded(order)
        }
        guard let standing = try await ReservationTable.find(order, tx) else { return nil }
        guard standing.state == .held, standing.expiresAt > now,
            try await ReservationTable.lines(of: [standing.id], tx) == stock
        else { throw VendorKernelError.reservationEnded(order) }
        return Reservation(id: standing.id, orderID: order, isLarge: standing.isLarge)
    }

    private func requireSelling(_ stock: StockQuantities, _ tx: any Transaction) async throws {
        let stores = Set(stock.entries.map(\.key.storeID))
        let selling = try await StoreTable.selling(Array(stores), tx)
        if let closed = stores.subtracting(selling).min() { throw VendorKernelError.storeClosed(closed) }
    }
}
