import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// What vendors do to the stock of their stores, and see of it.
struct StockKeeping: Sendable {
    /// The most of one SKU that a store can have.
    static let maximum = 1_000_000_000
    /// The most items of one count.
    static let maximumItems = 1_000

    let database: any Database
    let ledger: StockLedger
    let clock: any WallClock
    let limits: VendorLimits

    /// Sets what is on hand of some SKUs, listing those that are new; all of them or none.
    ///
    /// - Parameters:
    ///   - counts: Each SKU once.
    ///   - key: The request's idempotency key: repeated, it changes nothing and gives what is there now.
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/vendorNotActive(_:)``, ``VendorError/belowReserved(_:)``,
    ///   ``VendorError/tooManySKUs(_:)``, ``VendorError/tooManyStockChanges(_:until:)``.
    func count(
        _ counts: [StockCount], in id: StoreID, by user: UserID, key: String
    ) async throws -> [StockItem] {
        let now = clock.now()
        let skus = counts.map(\.sku)
        return try await database.transaction(isolation: .readCommitted) { tx in
            _ = try await Storefronts.lock(id, ownedBy: user, tx)
            var items = try await StockTable.find(skus, in: id, tx, locking: true)
            let scope = "inventory.count:\(id)"
            guard try await AppliedRequestTable.result(of: key, in: scope, tx) == nil else {
                return skus.compactMap { items[$0] }
            }
            var short: [Int: Int] = [:]
            for (index, count) in counts.enumerated() {
                if let reserved = items[count.sku]?.reserved, count.onHand < reserved {
                    short[index] = reserved
                }
            }
            guard short.isEmpty else { throw VendorError.belowReserved(short) }
            try await checkLimits(of: id, counts, items, at: now, tx)
            let entry = StockLedger.Entry(reason: .count, reference: nil, now: now)
            for count in counts.sorted(by: { $0.sku < $1.sku }) {
                let stock = StockKey(storeID: id, sku: count.sku)
                let old = items[count.sku]
                let item = StockItem(
                    key: stock, onHand: count.onHand, reserved: old?.reserved ?? 0,
                    lowStockThreshold: count.lowStockThreshold ?? old?.lowStockThreshold ?? 0,
                    isLowAlerted: old?.isLowAlerted ?? true, updatedAt: now)
                try await StockTable.write(item, tx)
                try await ledger.write(count.onHand - (old?.onHand ?? 0), of: stock, entry, tx)
                try await ledger.alertIfLow(item, tx)
                items[count.sku] = item
            }
            try await AppliedRequestTable.record(key, in: scope, result: "", at: now, tx)
            return skus.compactMap { items[$0] }
        }
    }

    /// Books a difference.
    ///
    /// - Parameters:
    ///   - delta: Not zero.
    ///   - key: The request's idempotency key: repeated, it changes nothing and gives what is there now.
    /// - Throws: ``VendorError/notFound(_:)`` for store or SKU; ``VendorError/vendorNotActive(_:)``;
    ///   ``VendorError/insufficientStock(_:)`` if less would be left than is reserved; `ValidationError` above ``maximum``;
    ///   ``VendorError/tooManyStockChanges(_:until:)``.
    func adjust(
        _ sku: String, by delta: Int, note: String, in id: StoreID, by user: UserID, key: String
    ) async throws -> StockItem {
        let now = clock.now()
        let stock = StockKey(storeID: id, sku: sku)
        return try await database.transaction(isolation: .readCommitted) { tx in
            _ = try await Storefronts.lock(id, ownedBy: user, tx)
            guard let old = try await StockTable.find(stock, tx, locking: true) else {
                throw VendorError.notFound(.inventory)
            }
            let scope = "inventory.adjust:\(id)"
            guard try await AppliedRequestTable.result(of: key, in: scope, tx) == nil else { return old }
            guard old.available + delta >= 0 else { throw VendorError.insufficientStock([sku]) }
            guard old.onHand + delta <= Self.maximum else {
                throw ValidationError(
                    field: "delta", code: "range",
                    message: "A store can have at most \(Self.maximum) of a SKU.")
            }
            try await book(1, of: id, at: now, tx)
            let item = StockItem(
                key: stock, onHand: old.onHand + delta, reserved: old.reserved,
                lowStockThreshold: old.lowStockThreshold, isLowAlerted: old.isLowAlerted, updatedAt: now)
            try await StockTable.write(item, tx)
            let entry = StockLedger.Entry(reason: .adjustment, reference: nil, now: now)
            try await ledger.write(delta, of: stock, entry, note: note, tx)
            try await ledger.alertIfLow(item, tx)
            try await AppliedRequestTable.record(key, in: scope, result: "", at: now, tx)
            return item
        }
    }

    /// - Throws: ``VendorError/notFound(_:)``.
    func items(
        _ request: PageRequest, in id: StoreID, sku: String?, lowOnly: Bool, by user: UserID
    ) async throws -> Page<StockItem> {
        try await database.snapshot { db in
            _ = try await own(id, user, db)
            return try await StockTable.page(request, of: id, sku: sku, lowOnly: lowOnly, db)
        }
    }

    /// The items of these SKUs, in their order; unknown ones are left out.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func items(of skus: [String], in id: StoreID, by user: UserID) async throws -> [StockItem] {
        try await database.snapshot { db in
            _ = try await own(id, user, db)
            let items = try await StockTable.find(skus, in: id, db)
            return skus.compactMap { items[$0] }
        }
    }

    /// The journal, newest first.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func movements(
        _ request: PageRequest, in id: StoreID, sku: String?, by user: UserID
    ) async throws -> Page<StockMovement> {
        try await database.snapshot { db in
            _ = try await own(id, user, db)
            return try await MovementTable.page(request, of: id, sku: sku, db)
        }
    }

    /// The books of every store, read at one moment.
    func summary(_ request: PageRequest) async throws -> Page<StockSummary> {
        try await database.snapshot { try await MovementTable.summary(request, $0) }
    }

    /// Refuses counts that list more SKUs, or journal more changes, than a store may have. The store is locked.
    private func checkLimits(
        of store: StoreID, _ counts: [StockCount], _ items: [String: StockItem], at now: Timestamp,
        _ tx: any Transaction
    ) async throws {
        let new = counts.count { items[$0.sku] == nil }
        if new > 0, try await StockTable.count(in: store, tx) + new > limits.skus {
            throw VendorError.tooManySKUs(limits.skus)
        }
        let changes = counts.count { $0.onHand != items[$0.sku]?.onHand ?? 0 }
        try await book(changes, of: store, at: now, tx)
    }

    /// Counts changes by hand towards the day's limit.
    private func book(
        _ changes: Int, of store: StoreID, at now: Timestamp, _ tx: any Transaction
    ) async throws {
        guard changes > 0 else { return }
        let day = StockChangeTable.day(of: now)
        guard try await StockChangeTable.add(changes, of: store, on: day, tx) <= limits.stockChanges else {
            throw VendorError.tooManyStockChanges(
                limits.stockChanges, until: StockChangeTable.start(of: day + 1) - now)
        }
    }

    /// The user's own store.
    private func own(_ id: StoreID, _ user: UserID, _ db: any SQLExecutor) async throws -> Store {
        guard let store = try await StoreTable.find(id, ownedBy: user, db) else {
            throw VendorError.notFound(.store)
        }
        return store
    }
}
