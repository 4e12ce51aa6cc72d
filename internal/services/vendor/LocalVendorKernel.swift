import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukVendorKernel

/// The kernel for peers in the same process.
struct LocalVendorKernel: VendorKernel {
    let database: any Database
    let reservations: Reservations
    let fulfilment: Fulfilment

    func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary] {
        if let complaint = KernelBatch.complaint(users.count, "owners") { throw .unavailable(complaint) }
        return try await answer(context) {
            Dictionary(try await VendorTable.list(ownedBy: users, database).map { ($0.ownerID, $0.summary) })
            {
                first, _ in first
            }
        }
    }

    func vendors(_ ids: [VendorID], _ context: CallContext) async throws(VendorKernelError) -> [VendorID:
        VendorSummary]
    {
        if let complaint = KernelBatch.complaint(ids.count, "vendors") { throw .unavailable(complaint) }
        return try await answer(context) {
            Dictionary(try await VendorTable.list(ids, database).map { ($0.id, $0.summary) }) { first, _ in
                first
            }
        }
    }

    func offers(_ skus: [VendorSKU], _ context: CallContext) async throws(VendorKernelError) -> [StockOffer] {
        if let complaint = KernelBatch.complaint(skus.count, "SKUs") { throw .unavailable(complaint) }
        let skusByVendor = Dictionary(grouping: Set(skus), by: \.vendorID)
        return try await answer(context) {
            let offers = try await database.snapshot { db in
                var offers: [StockOffer] = []
                for (vendor, skus) in skusByVendor {
                    offers += try await StockTable.offers(skus.map(\.sku), of: vendor, db)
                }
                return offers
            }
            return offers.sorted {
                $0.available != $1.available ? $0.available > $1.available : $0.storeID < $1.storeID
            }
        }
    }

    func reserve(
        _ request: ReservationRequest, _ context: CallContext
    ) async throws(VendorKernelError) -> Reservation {
        try await answer(context) { try await reservations.reserve(request) }
    }

    func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await answer(context) { try await reservations.release(order) }
    }

    func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await answer(context) { try await fulfilment.cancel(order, releasing: reservations) }
    }

    /// The body's answer within the caller's deadline; whatever is not the kernel's own error means that it can't
    /// answer now.
    private func answer<T: Sendable>(
        _ context: CallContext, _ body: () async throws -> T
    ) async throws(VendorKernelError) -> T {
        do {
            return try await withDeadline(context, body)
        } catch let error as VendorKernelError {
            throw error
        } catch let error as any SoukError {
            throw .unavailable(error.logDescription)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
