import SoukIDs
import SoukIdentifiers
import SoukTime

/// One SKU in one store. Ordered, because rows are always locked in this order.
struct StockKey: Sendable, Hashable, Comparable {
    let storeID: StoreID
    let sku: String

    static func < (lhs: StockKey, rhs: StockKey) -> Bool {
        lhs.storeID != rhs.storeID ? lhs.storeID < rhs.storeID : lhs.sku < rhs.sku
    }
}

/// How many of what: each key once, in lock order, quantities positive.
struct StockQuantities: Sendable, Hashable {
    let entries: [(key: StockKey, quantity: Int)]

    /// Sums what is given per key.
    init(_ lines: some Sequence<(StockKey, Int)>) {
        var sums: [StockKey: Int] = [:]
        for (key, quantity) in lines { sums[key, default: 0] += quantity }
        entries = sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    static func == (lhs: StockQuantities, rhs: StockQuantities) -> Bool {
        lhs.entries.elementsEqual(rhs.entries) { $0 == $1 }
    }

    func hash(into hasher: inout Hasher) {
        for entry in entries {
            hasher.combine(entry.key)
            hasher.combine(entry.quantity)
        }
    }
}

/// What a store has of a SKU. `0 ≤ reserved ≤ onHand` always.
struct StockItem: Sendable, Hashable {
    let key: StockKey
    let onHand: Int
    let reserved: Int
    let lowStockThreshold: Int
    /// Whether the vendor was told of the present shortage already.
    let isLowAlerted: Bool
    let updatedAt: Timestamp

    var available: Int { onHand - reserved }
    var isLow: Bool { available <= lowStockThreshold }
}

/// Why the stock on hand changed.
enum MovementReason: String, CaseIterable, Sendable {
    /// The vendor counted and set a new number.
    case count
    /// The vendor booked a difference.
    case adjustment
    /// Sold; the reference is the order.
    case sale
    /// A paid order was cancelled before shipping; the reference is the order.
    case cancellation
    /// Came back; the reference is the return.
    case `return`
}

/// A line of the journal: the deltas of a stock item sum to what is on hand.
struct StockMovement: Sendable, Hashable {
    let id: MovementID
    let key: StockKey
    /// Never zero.
    let delta: Int
    let reason: MovementReason
    let reference: String?
    /// The vendor's own words.
    let note: String?
    let createdAt: Timestamp
}

enum MovementTag {}
typealias MovementID = ID<MovementTag>

/// A number that a vendor counted.
struct StockCount: Sendable, Hashable {
    let sku: String
    let onHand: Int
    /// Nil leaves the threshold as it is; 0 for a SKU that is new.
    let lowStockThreshold: Int?
}

/// What of a store is known to be where, for whoever checks the books.
struct StockSummary: Sendable, Hashable {
    let storeID: StoreID
    let vendorID: VendorID
    let storeName: String
    let skus: Int
    let onHand: Int
    let reserved: Int
    /// Sum of the whole journal; equals `onHand`.
    let movements: Int
    /// The same sum by reason; reasons without movements are left out.
    let movementsByReason: [String: Int]
}

/// Where a hold on stock stands.
enum ReservationState: String, CaseIterable, Sendable {
    case held, committed, released, expired
}

/// A hold on stock as it is kept.
struct HeldStock: Sendable, Hashable {
    let id: ReservationID
    let orderID: OrderID
    let state: ReservationState
    let isLarge: Bool
    let expiresAt: Timestamp
}
