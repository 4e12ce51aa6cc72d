import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukVendorKernel

/// Stores: where vendors sell.
struct Storefronts: Sendable {
    let database: any Database
    let clock: any WallClock
    /// How many stores one vendor may have.
    let maximumStores: Int

    /// Opens a store of the user's vendor.
    ///
    /// - Parameter slug: Nil for one made from the name.
    /// - Throws: ``VendorError/notFound(_:)`` if the user has no vendor account,
    ///   ``VendorError/vendorNotActive(_:)``, ``VendorError/slugTaken``, ``VendorError/tooManyStores(_:)``.
    func open(name: String, slug: String?, description: String?, by user: UserID) async throws -> Store {
        let now = clock.now()
        let id = StoreID()
        return try await database.transaction { tx in
            guard let vendor = try await VendorTable.find(ownedBy: user, tx, locking: true) else {
                throw VendorError.notFound(.vendor)
            }
            try vendor.checkSells()
            guard try await StoreTable.count(of: vendor.id, tx) < maximumStores else {
                throw VendorError.tooManyStores(maximumStores)
            }
            let slug = try await VendorAccounts.free(slug, for: name, fallback: "store") {
                try await StoreTable.isSlugTaken($0, tx)
            }
            let store = Store(
                id: id, vendorID: vendor.id, slug: slug, name: name, description: description, status: .open,
                version: 1, createdAt: now, updatedAt: now)
            do {
                try await StoreTable.insert(store, tx)
            } catch let error as DatabaseError {
                throw VendorAccounts.duplicate(error)
            }
            return store
        }
    }

    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/vendorNotActive(_:)``,
    ///   ``VendorError/versionMismatch(current:)``.
    func change(_ id: StoreID, _ changes: StoreChanges, version: Int, by user: UserID) async throws -> Store {
        let now = clock.now()
        return try await database.transaction { tx in
            let old = try await Self.lock(id, ownedBy: user, tx)
            guard old.version == version else { throw VendorError.versionMismatch(current: old.version) }
            let new = Store(
                id: old.id, vendorID: old.vendorID, slug: old.slug, name: changes.name ?? old.name,
                description: changes.description ?? old.description, status: changes.status ?? old.status,
                version: old.version + 1, createdAt: old.createdAt, updatedAt: now)
            try await StoreTable.update(new, tx)
            return new
        }
    }

    /// The user's own store, to be changed: its vendor sells, and a suspension waits for the transaction's end. Those who
    /// change a store's stock by hand take turns on it, so that two who list the same new SKU both journal the right difference.
    ///
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/vendorNotActive(_:)``.
    static func lock(_ id: StoreID, ownedBy user: UserID, _ tx: any Transaction) async throws -> Store {
        guard let store = try await StoreTable.find(id, ownedBy: user, tx, locking: true),
            let vendor = try await VendorTable.hold(store.vendorID, tx)
        else { throw VendorError.notFound(.store) }
        try vendor.checkSells()
        return store
    }

    /// All stores of the user's vendor.
    ///
    /// - Throws: ``VendorError/notFound(_:)`` if the user has no vendor account.
    func own(_ request: PageRequest, _ user: UserID) async throws -> Page<Store> {
        try await database.snapshot { db in
            guard let vendor = try await VendorTable.find(ownedBy: user, db) else {
                throw VendorError.notFound(.vendor)
            }
            return try await StoreTable.page(request, of: vendor.id, db)
        }
    }

    /// A store of an active vendor; one on vacation too.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func published(_ id: StoreID) async throws -> Store {
        guard let store = try await StoreTable.findVisible(id, database) else {
            throw VendorError.notFound(.store)
        }
        return store
    }

    /// Open stores of active vendors.
    func published(_ request: PageRequest, vendor: VendorID?) async throws -> Page<Store> {
        try await database.snapshot { try await StoreTable.selling(request, vendor: vendor, $0) }
    }

    /// How many of each SKU can be bought in a store now, in the order asked; 0 for SKUs it doesn't list, and for all
    /// while it is on vacation.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func availability(of skus: [String], in id: StoreID) async throws -> [(sku: String, available: Int)] {
        try await database.snapshot { db in
            guard let store = try await StoreTable.findVisible(id, db) else {
                throw VendorError.notFound(.store)
            }
            let items = store.status == .open ? try await StockTable.find(skus, in: id, db) : [:]
            return skus.map { ($0, items[$0]?.available ?? 0) }
        }
    }
}
