import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukText

/// Vendors: who may sell.
struct VendorAccounts: Sendable {
    let database: any Database
    let outbox: Outbox
    let clock: any WallClock

    /// Opens the user's vendor account, pending until an admin approves.
    ///
    /// - Parameter slug: Nil for one made from the name.
    /// - Throws: ``VendorError/alreadyVendor``, ``VendorError/slugTaken``.
    func open(name: String, slug: String?, description: String?, by user: UserID) async throws -> Vendor {
        let now = clock.now()
        let id = VendorID()
        return try await database.transaction { tx in
            guard try await VendorTable.find(ownedBy: user, tx) == nil else {
                throw VendorError.alreadyVendor
            }
            let slug = try await Self.free(slug, for: name, fallback: "vendor") {
                try await VendorTable.isSlugTaken($0, tx)
            }
            let vendor = Vendor(
                id: id, ownerID: user, name: name, slug: slug, description: description, status: .pending,
                statusReason: nil, version: 1, createdAt: now, updatedAt: now)
            do {
                try await VendorTable.insert(vendor, tx)
            } catch let error as DatabaseError {
                throw Self.duplicate(error)
            }
            return vendor
        }
    }

    /// - Throws: ``VendorError/notFound(_:)`` if the user has no vendor account.
    func own(_ user: UserID) async throws -> Vendor {
        guard let vendor = try await VendorTable.find(ownedBy: user, database) else {
            throw VendorError.notFound(.vendor)
        }
        return vendor
    }

    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/vendorNotActive(_:)``,
    ///   ``VendorError/versionMismatch(current:)``.
    func change(_ changes: VendorChanges, version: Int, by user: UserID) async throws -> Vendor {
        let now = clock.now()
        return try await database.transaction { tx in
            guard let old = try await VendorTable.find(ownedBy: user, tx, locking: true) else {
                throw VendorError.notFound(.vendor)
            }
            try old.checkIsEditable()
            guard old.version == version else { throw VendorError.versionMismatch(current: old.version) }
            let new = Vendor(
                id: old.id, ownerID: old.ownerID, name: changes.name ?? old.name, slug: old.slug,
                description: changes.description ?? old.description, status: old.status,
                statusReason: old.statusReason, version: old.version + 1, createdAt: old.createdAt,
                updatedAt: now)
            try await VendorTable.update(new, tx)
            return new
        }
    }

    /// Carries out an admin's decision; one that was carried out before changes nothing.
    ///
    /// - Throws: ``VendorError/notFound(_:)``, ``VendorError/illegalDecision(_:_:)``.
    func decide(_ decision: VendorDecision, on id: VendorID, reason: String?) async throws -> Vendor {
        let now = clock.now()
        return try await database.transaction { tx in
            guard let old = try await VendorTable.find(id, tx, locking: true) else {
                throw VendorError.notFound(.vendor)
            }
            guard let status = try old.status.after(decision) else { return old }
            let new = Vendor(
                id: old.id, ownerID: old.ownerID, name: old.name, slug: old.slug,
                description: old.description,
                status: status, statusReason: reason, version: old.version + 1, createdAt: old.createdAt,
                updatedAt: now)
            try await VendorTable.update(new, tx)
            try await outbox.append(
                VendorStatusChanged(
                    vendorId: new.id, ownerId: new.ownerID, name: new.name, status: new.status.rawValue,
                    reason: reason), in: tx)
            return new
        }
    }

    /// What anybody sees: active vendors only.
    ///
    /// - Throws: ``VendorError/notFound(_:)``.
    func published(_ id: VendorID) async throws -> Vendor {
        guard let vendor = try await VendorTable.find(id, database), vendor.status == .active else {
            throw VendorError.notFound(.vendor)
        }
        return vendor
    }

    func published(_ request: PageRequest, containing text: String?) async throws -> Page<Vendor> {
        try await database.snapshot {
            try await VendorTable.page(request, status: .active, containing: text, $0)
        }
    }

    /// Vendors in any status, for admins.
    func all(_ request: PageRequest, status: VendorStatus?) async throws -> Page<Vendor> {
        try await database.snapshot {
            try await VendorTable.page(request, status: status, containing: nil, $0)
        }
    }

    /// The slug asked for, or a free one that the name suggests.
    ///
    /// - Throws: ``VendorError/slugTaken`` if it was asked for.
    static func free(
        _ wanted: String?, for name: String, fallback: String, _ isTaken: (String) async throws -> Bool
    ) async throws -> String {
        if let wanted {
            guard try await !isTaken(wanted) else { throw VendorError.slugTaken }
            return wanted
        }
        let suggested = Slug.suggested(by: name, fallback: fallback)
        return try await isTaken(suggested) ? Slug.varied(suggested) : suggested
    }

    /// What a duplicate key means, for those who came second in a race.
    static func duplicate(_ error: DatabaseError) -> any Error {
        guard case .uniqueViolation(let constraint) = error.reason else { return error }
        if constraint.contains(bytes: "owner_id") { return VendorError.alreadyVendor }
        return constraint.contains(bytes: "slug") ? VendorError.slugTaken : error
    }
}
