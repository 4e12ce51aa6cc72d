package import GRPCCore
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
package import SoukProto
import SoukRPCRuntime
package import SoukVendorKernel
import SwiftProtobuf

/// Serves a ``VendorKernel`` to peers in other processes.
package struct VendorKernelService: Souk_Vendor_V1_VendorKernelService.SimpleServiceProtocol {
    private let kernel: any VendorKernel

    package init(kernel: any VendorKernel) {
        self.kernel = kernel
    }

    package func batchGetVendorsByOwner(
        request: Souk_Vendor_V1_BatchGetVendorsByOwnerRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_BatchGetVendorsByOwnerResponse {
        let owners = try UserID.batch(request.ownerIds, field: "owner_ids")
        let vendors = try await kernel.vendors(ownedBy: owners, context.call.context)
        return .with { $0.vendors = vendors.values.map(\.wire) }
    }

    package func batchGetVendors(
        request: Souk_Vendor_V1_BatchGetVendorsRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_BatchGetVendorsResponse {
        let ids = try VendorID.batch(request.ids, field: "ids")
        let vendors = try await kernel.vendors(ids, context.call.context)
        return .with { $0.vendors = vendors.values.map(\.wire) }
    }

    package func listOffers(
        request: Souk_Vendor_V1_ListOffersRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_ListOffersResponse {
        try MalformedMessage.checkBatch(request.skus.count, "skus")
        let skus = try request.skus.map {
            VendorSKU(vendorID: try VendorID($0.vendorID, field: "vendor_id"), sku: $0.sku)
        }
        let offers = try await kernel.offers(skus, context.call.context)
        return .with { $0.offers = offers.map(\.wire) }
    }

    package func reserve(
        request: Souk_Vendor_V1_ReserveRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_ReserveResponse {
        let asked = try ReservationRequest(wire: request)
        let reservation = try await answering(asked) {
            () async throws(VendorKernelError) in try await kernel.reserve(asked, context.call.context)
        }
        return .with {
            $0.reservationID = reservation.id.description
            $0.orderID = reservation.orderID.description
            $0.isLarge = reservation.isLarge
        }
    }

    package func release(
        request: Souk_Vendor_V1_ReleaseRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_ReleaseResponse {
        let order = try OrderID(request.orderID, field: "order_id")
        try await answering(nil) {
            () async throws(VendorKernelError) in try await kernel.release(order, context.call.context)
        }
        return Souk_Vendor_V1_ReleaseResponse()
    }

    package func cancelFulfilment(
        request: Souk_Vendor_V1_CancelFulfilmentRequest, context: ServerContext
    ) async throws -> Souk_Vendor_V1_CancelFulfilmentResponse {
        let order = try OrderID(request.orderID, field: "order_id")
        try await answering(nil) {
            () async throws(VendorKernelError) in
            try await kernel.cancelFulfilment(order, context.call.context)
        }
        return Souk_Vendor_V1_CancelFulfilmentResponse()
    }

    private func answering<T: Sendable>(
        _ request: ReservationRequest?, _ body: () async throws(VendorKernelError) -> T
    ) async throws(RPCFailure) -> T {
        do {
            return try await body()
        } catch {
            throw error.failure(of: request)
        }
    }
}
