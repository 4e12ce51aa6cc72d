import Hummingbird
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukHTTP
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukVendorKernel

/// The books for vendors and admins, and the commission rates.
struct LedgerRoutes: Sendable {
    private static let maxReferenceLength = 255

    let database: any Database
    let reader: LedgerReader
    let verifier: LedgerVerifier
    let commissions: CommissionStore
    let vendors: any VendorKernel
    let clock: any WallClock

    func register(_ routes: Routes) {
        routes.user.get("/api/v1/ledger/balance") { _, context in
            let vendor = try await vendor(of: context)
            return try Reply.ok(
                VendorBalanceResponse(vendorId: vendor, balances: try await reader.balances(of: vendor)))
        }
        routes.user.get("/api/v1/ledger/entries") { request, context in
            let page = try request.pageRequest()
            let entries = try await reader.entries(of: try await vendor(of: context), page)
            return try Reply.page(try entries.map(VendorEntryResponse.init))
        }
        routes.admin.get("/api/v1/admin/ledger/accounts") { request, _ in
            try Reply.page(try await reader.accounts(try request.pageRequest()).map(AccountResponse.init))
        }
        routes.admin.get("/api/v1/admin/ledger/transactions") { request, _ in
            let page = try request.pageRequest()
            let reference = try Self.reference(in: request)
            return try Reply.page(
                try await reader.transactions(reference: reference, page).map(LedgerTransactionResponse.init))
        }
        routes.admin.get("/api/v1/admin/ledger/verify") { _, _ in
            try Reply.ok(LedgerVerificationResponse(try await verifier.verify()))
        }
        registerCommissions(routes)
    }

    private func registerCommissions(_ routes: Routes) {
        routes.admin.get("/api/v1/admin/commissions") { request, _ in
            let page = try request.pageRequest()
            let rates = try await database.snapshot { try await commissions.list(page, in: $0) }
            return try Reply.ok(
                CommissionsResponse(
                    defaultBasisPoints: commissions.defaultBasisPoints,
                    overrides: rates.items.map(CommissionResponse.init), overridesCount: rates.totalCount))
        }
        routes.admin.put("/api/v1/admin/commissions/{vendor_id}") { request, context in
            let vendor = try context.id("vendor_id", as: VendorID.self)
            let body = try await request.body(CommissionBody.self)
            guard try await vendors.vendors([vendor], context.call)[vendor] != nil else {
                throw PaymentError.unknownVendor
            }
            let rate = CommissionRate(
                vendorID: vendor, basisPoints: body.basisPoints, updatedBy: context.principal.userID,
                updatedAt: clock.now())
            try await commissions.set(rate, in: database)
            return try Reply.ok(CommissionResponse(rate))
        }
        routes.admin.delete("/api/v1/admin/commissions/{vendor_id}") { _, context in
            try await commissions.remove(try context.id("vendor_id", as: VendorID.self), in: database)
            return Reply.noContent
        }
    }

    private func vendor(of context: UserContext) async throws -> VendorID {
        let user = context.principal.userID
        guard let vendor = try await vendors.vendors(ownedBy: [user], context.call)[user] else {
            throw PaymentError.vendorRequired
        }
        return vendor.id
    }

    private static func reference(in request: Request) throws -> String? {
        guard let reference = request.queryString("reference") else { return nil }
        guard !reference.isEmpty, reference.utf8.count <= maxReferenceLength else {
            throw ValidationError.malformed([
                FieldError(
                    field: "reference", code: "length",
                    message: "The value must have 1 to \(maxReferenceLength) bytes.")
            ])
        }
        return reference
    }
}
