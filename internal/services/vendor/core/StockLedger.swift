import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Books stock on and off the shelf inside somebody's transaction: the number on hand and the journal change together.
///
/// Rows are touched in the order of ``StockQuantities``, so that transactions which run at the same time wait for each
/// other instead of deadlocking.
struct StockLedger: Sendable {
    let outbox: Outbox

    /// What a movement is written down as.
    struct Entry: Sendable {
        let reason: MovementReason
        let reference: String?
        let now: Timestamp
    }

    /// Takes all of it off the shelf or, where some of it is not available, nothing, and gives what was short.
    func take(_ stock: StockQuantities, _ entry: Entry, _ tx: any Transaction) async throws -> [StockKey] {
        var taken: [(left: StockItem, quantity: Int)] = []
        var short: [StockKey] = []
        for (key, quantity) in stock.entries {
            if let left = try await StockTable.take(key, quantity, at: entry.now, tx) {
                taken.append((left, quantity))
            } else {
                short.append(key)
            }
        }
        guard short.isEmpty else {
            // The rest of the transaction stands, so this is undone by hand.
            for (left, quantity) in taken { try await StockTable.put(left.key, quantity, at: entry.now, tx) }
            return short
        }
        for (left, quantity) in taken {
            try await write(-quantity, of: left.key, entry, tx)
            try await alertIfLow(left, tx)
        }
        return []
    }

    /// Puts all of it back onto the shelf.
    func put(_ stock: StockQuantities, _ entry: Entry, _ tx: any Transaction) async throws {
        for (key, quantity) in stock.entries {
            try await StockTable.put(key, quantity, at: entry.now, tx)
            try await write(quantity, of: key, entry, tx)
        }
    }

    /// Lets go of a hold on all of it.
    func unhold(
        _ stock: StockQuantities, forSale: Bool, at now: Timestamp, _ tx: any Transaction
    ) async throws {
        for (key, quantity) in stock.entries {
            try await StockTable.unhold(key, quantity, forSale: forSale, at: now, tx)
        }
    }

    /// Writes a line of the journal, unless nothing moved.
    func write(
        _ delta: Int, of key: StockKey, _ entry: Entry, note: String? = nil, _ tx: any Transaction
    ) async throws {
        guard delta != 0 else { return }
        try await MovementTable.insert(
            StockMovement(
                id: MovementID(), key: key, delta: delta, reason: entry.reason, reference: entry.reference,
                note: note, createdAt: entry.now), tx)
    }

    /// Publishes that a SKU runs low, once until it is well stocked again.
    ///
    /// Judged when stock leaves for good, not when it is held: a basket that is never paid for alarms nobody.
    func alertIfLow(_ item: StockItem, _ tx: any Transaction) async throws {
        guard item.isLow, !item.isLowAlerted, try await StockTable.markAlerted(item.key, tx),
            let store = try await StoreTable.find(item.key.storeID, tx),
            let vendor = try await VendorTable.find(store.vendorID, tx)
        else { return }
        try await outbox.append(
            StockLow(
                storeId: store.id, storeName: store.name, vendorId: vendor.id, ownerId: vendor.ownerID,
                sku: item.key.sku, available: item.available, threshold: item.lowStockThreshold), in: tx)
    }
}
