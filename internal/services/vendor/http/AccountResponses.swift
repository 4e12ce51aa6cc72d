import SoukIDs
import SoukIdentifiers
import SoukTime

/// A vendor as anybody sees it.
struct VendorProfileResponse: Encodable, Sendable {
    let id: VendorID
    let name: String
    let slug: String
    let description: String?
    let createdAt: Timestamp

    init(_ vendor: Vendor) {
        id = vendor.id
        name = vendor.name
        slug = vendor.slug
        description = vendor.description
        createdAt = vendor.createdAt
    }
}

/// A vendor as its owner and admins see it.
struct VendorAccountResponse: Encodable, Sendable {
    let id: VendorID
    let ownerId: UserID
    let name: String
    let slug: String
    let description: String?
    let status: String
    let statusReason: String?
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp

    init(_ vendor: Vendor) {
        id = vendor.id
        ownerId = vendor.ownerID
        name = vendor.name
        slug = vendor.slug
        description = vendor.description
        status = vendor.status.rawValue
        statusReason = vendor.statusReason
        version = vendor.version
        createdAt = vendor.createdAt
        updatedAt = vendor.updatedAt
    }
}

struct StoreResponse: Encodable, Sendable {
    let id: StoreID
    let vendorId: VendorID
    let slug: String
    let name: String
    let description: String?
    let status: String
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp

    init(_ store: Store) {
        id = store.id
        vendorId = store.vendorID
        slug = store.slug
        name = store.name
        description = store.description
        status = store.status.rawValue
        version = store.version
        createdAt = store.createdAt
        updatedAt = store.updatedAt
    }
}

/// How many of a SKU can be bought now.
struct AvailabilityResponse: Encodable, Sendable {
    let sku: String
    let available: Int
}
