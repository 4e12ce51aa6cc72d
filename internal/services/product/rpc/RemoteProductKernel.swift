package import GRPCCore
package import SoukCallContext
import SoukErrors
package import SoukIdentifiers
import SoukIDs
package import SoukProductKernel
import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

/// The product service in another process. Every call may be repeated, so all are retried.
package struct RemoteProductKernel<Transport: ClientTransport>: ProductKernel {
    private typealias Service = Souk_Product_V1_ProductKernelService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package func variants(
        _ ids: [VariantID], _ context: CallContext
    ) async throws(ProductKernelError) -> [VariantSnapshot] {
        if let complaint = KernelBatch.complaint(ids.count, "variants") { throw .unavailable(complaint) }
        guard !ids.isEmpty else { return [] }
        do {
            return try await peer.call(
                Service.Method.BatchGetVariants.descriptor, context, idempotent: true
            ) { client, options in
                let reply = try await Service.Client(wrapping: client).batchGetVariants(
                    .with { $0.ids = ids.map(\.description) }, options: options)
                return try reply.variants.map { try VariantSnapshot(wire: $0) }
            }
        } catch {
            throw .unavailable(error.logDescription)
        }
    }
}
