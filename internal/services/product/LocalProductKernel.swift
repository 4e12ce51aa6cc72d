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
        do {
            try context.checkDeadline()
            return try await products.snapshots(ids)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
