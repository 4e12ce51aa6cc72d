package import GRPCCore
package import SoukCallContext
import SoukErrors
package import SoukIDs
package import SoukIdentifiers
import SoukProto
package import SoukRPCRuntime
package import SoukVendorKernel
import SwiftProtobuf

/// The vendor service in another process. Every call may be repeated, mutations by their order, so all are retried.
package struct RemoteVendorKernel<Transport: ClientTransport>: VendorKernel {
    private typealias Service = Souk_Vendor_V1_VendorKernelService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary] {
        if let complaint = KernelBatch.complaint(users.count, "owners") { throw .unavailable(complaint) }
        guard !users.isEmpty else { return [:] }
        return try await ask(Service.Method.BatchGetVendorsByOwner.descriptor, context) { client, options in
            let reply = try await client.batchGetVendorsByOwner(
                .with { $0.ownerIds = users.map(\.description) }, options: options)
            let vendors = try reply.vendors.map { try VendorSummary(wire: $0) }
            return Dictionary(vendors.map { ($0.ownerID, $0) }) { first, _ in first }
        }
    }

    package func vendors(
        _ ids: [VendorID], _ context: CallContext
    ) async throws(VendorKernelError) -> [VendorID: VendorSummary] {
        if let complaint = KernelBatch.complaint(ids.count, "vendors") { throw .unavailable(complaint) }
        guard !ids.isEmpty else { return [:] }
        return try await ask(Service.Method.BatchGetVendors.descriptor, context) { client, options in
            let reply = try await client.batchGetVendors(
                .with { $0.ids = ids.map(\.description) }, options: options)
            let vendors = try reply.vendors.map { try VendorSummary(wire: $0) }
            return Dictionary(vendors.map { ($0.id, $0) }) { first, _ in first }
        }
    }

    package func offers(
        _ skus: [VendorSKU], _ context: CallContext
    ) async throws(VendorKernelError) -> [StockOffer] {
        if let complaint = KernelBatch.complaint(skus.count, "SKUs") { throw .unavailable(complaint) }
        guard !skus.isEmpty else { return [] }
        return try await ask(Service.Method.ListOffers.descriptor, context) { client, options in
            let reply = try await client.listOffers(.with { $0.skus = skus.map(\.wire) }, options: options)
            return try reply.offers.map { try StockOffer(wire: $0) }
        }
    }

    package func reserve(
        _ request: ReservationRequest, _ context: CallContext
    ) async throws(VendorKernelError) -> Reservation {
        try await ask(Service.Method.Reserve.descriptor, context, request) { client, options in
            let reply = try await client.reserve(request.wire, options: options)
            return Reservation(
                id: try ReservationID(reply.reservationID, field: "reservation_id"),
                orderID: try OrderID(reply.orderID, field: "order_id"), isLarge: reply.isLarge)
        }
    }

    package func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await ask(Service.Method.Release.descriptor, context) { client, options in
            _ = try await client.release(.with { $0.orderID = order.description }, options: options)
        }
    }

    package func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await ask(Service.Method.CancelFulfilment.descriptor, context) { client, options in
            _ = try await client.cancelFulfilment(.with { $0.orderID = order.description }, options: options)
        }
    }

    private func ask<Answer: Sendable>(
        _ method: MethodDescriptor, _ context: CallContext, _ request: ReservationRequest? = nil,
        _ body: @escaping @Sendable (Service.Client<Transport>, CallOptions) async throws -> Answer
    ) async throws(VendorKernelError) -> Answer {
        do {
            return try await peer.call(method, context, idempotent: true) { client, options in
                try await body(Service.Client(wrapping: client), options)
            }
        } catch {
            throw VendorKernelError(error, request)
        }
    }
}
