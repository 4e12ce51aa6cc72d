import SoukCallContext
import SoukErrors
import SoukIdentifiers
import SoukProductKernel

/// The product service as its peers in the same process see it.
struct LocalProductKernel: ProductKernel {
    let products: any ProductStore

    func variants(_ ids: [VariantID], _ context: CallContext) async throws(ProductKernelError)
        -> [VariantSnapshot]
    {
        if let complaint = KernelBatch.complaint(ids.count, "variants") { throw .unavailable(complaint) }
        do {
            try context.checkDeadline()
            return try await products.snapshots(ids)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
