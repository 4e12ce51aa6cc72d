import SoukIDs
import SoukIdentifiers
import SoukTime

struct StockItemResponse: Encodable, Sendable {
    let storeId: StoreID
    let sku: String
    let onHand: Int
    let reserved: Int
    let available: Int
    let lowStockThreshold: Int
    let low: Bool
    let updatedAt: Timestamp

    init(_ item: StockItem) {
        storeId = item.key.storeID
        sku = item.key.sku
        onHand = item.onHand
        reserved = item.reserved
        available = item.available
        lowStockThreshold = item.lowStockThreshold
        low = item.isLow
        updatedAt = item.updatedAt
    }
}

struct StockMovementResponse: Encodable, Sendable {
    let id: String
    let storeId: StoreID
    let sku: String
    let delta: Int
    let reason: String
    let reference: String?
    let note: String?
    let createdAt: Timestamp

    init(_ movement: StockMovement) {
        id = movement.id.description
        storeId = movement.key.storeID
        sku = movement.key.sku
        delta = movement.delta
        reason = movement.reason.rawValue
        reference = movement.reference
        note = movement.note
        createdAt = movement.createdAt
    }
}

/// The books of one store; `movements` is the sum of its whole journal.
struct StockSummaryResponse: Encodable, Sendable {
    let storeId: StoreID
    let vendorId: VendorID
    let storeName: String
    let skus: Int
    let onHand: Int
    let reserved: Int
    let movements: Int
    let movementsByReason: [String: Int]

    init(_ summary: StockSummary) {
        storeId = summary.storeID
        vendorId = summary.vendorID
        storeName = summary.storeName
        skus = summary.skus
        onHand = summary.onHand
        reserved = summary.reserved
        movements = summary.movements
        movementsByReason = summary.movementsByReason
    }
}
