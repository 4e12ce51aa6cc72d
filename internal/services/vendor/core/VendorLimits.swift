/// What one vendor may have stored.
struct VendorLimits: Sendable, Hashable {
    /// Stores of a vendor.
    var stores = 100
    /// SKUs that a store lists.
    var skus = 100_000
    /// Entries of a store's journal that counts and adjustments cause on one day (UTC).
    var stockChanges = 200_000
}
