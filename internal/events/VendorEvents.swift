import SoukCloudEvents
package import SoukIDs
package import SoukIdentifiers

/// A vendor was approved, suspended, reinstated or rejected.
package struct VendorStatusChanged: Event {
    package static var type: String { "vendor.status_changed.v1" }
    package static var topic: String { Topic.vendors.rawValue }
    package var key: String { vendorId.description }

    package let vendorId: VendorID
    package let ownerId: UserID
    package let name: String
    /// `pending`, `active`, `suspended` or `rejected`.
    package let status: String
    /// Why, in an admin's words.
    package let reason: String?

    package init(vendorId: VendorID, ownerId: UserID, name: String, status: String, reason: String?) {
        self.vendorId = vendorId
        self.ownerId = ownerId
        self.name = name
        self.status = status
        self.reason = reason
    }
}

/// What is available of a SKU in a store fell to its low-stock threshold or below; published once per crossing.
package struct StockLow: Event {
    package static var type: String { "inventory.low.v1" }
    package static var topic: String { Topic.inventory.rawValue }
    package var key: String { storeId.description }

    package let storeId: StoreID
    package let storeName: String
    package let vendorId: VendorID
    package let ownerId: UserID
    package let sku: String
    package let available: Int
    package let threshold: Int

    package init(
        storeId: StoreID, storeName: String, vendorId: VendorID, ownerId: UserID, sku: String, available: Int,
        threshold: Int
    ) {
        self.storeId = storeId
        self.storeName = storeName
        self.vendorId = vendorId
        self.ownerId = ownerId
        self.sku = sku
        self.available = available
        self.threshold = threshold
    }
}
