import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIdentifiers
import SoukPaymentKernel
import SoukTime

/// The payment kernel in this process.
struct LocalPaymentKernel: PaymentKernel {
    let database: any Database
    let store: IntentStore
    let workflow: IntentWorkflow

    func createIntent(
        _ request: IntentRequest, _ context: CallContext
    ) async throws(PaymentKernelError) -> PaymentIntent {
        try await answer(context) { try await workflow.create(request).kernelValue }
    }

    func cancelIntent(
        _ order: OrderID, _ context: CallContext
    ) async throws(PaymentKernelError) -> PaymentIntent? {
        try await answer(context) { try await workflow.cancel(order)?.kernelValue }
    }

    func intents(
        of orders: [OrderID], _ context: CallContext
    ) async throws(PaymentKernelError) -> [OrderID: PaymentIntent] {
        if let complaint = KernelBatch.complaint(orders.count, "orders") { throw .unavailable(complaint) }
        guard !orders.isEmpty else { return [:] }
        return try await answer(context) {
            let found = try await store.find(orders: orders, in: database)
            return Dictionary(uniqueKeysWithValues: found.map { ($0.orderID, $0.kernelValue) })
        }
    }

    func captured(
        since: Timestamp, limit: Int, _ context: CallContext
    ) async throws(PaymentKernelError) -> [PaymentIntent] {
        try await answer(context) {
            let limit = min(max(limit, 1), KernelBatch.limit)
            return try await store.captured(since: since, limit: limit, in: database).map(\.kernelValue)
        }
    }

    /// Runs a call within the caller's deadline, and folds what isn't the kernel's own error into `.unavailable`.
    private func answer<T: Sendable>(
        _ context: CallContext, _ body: () async throws -> T
    ) async throws(PaymentKernelError) -> T {
        do {
            return try await withDeadline(context) { try await body() }
        } catch let error as PaymentKernelError {
            throw error
        } catch let error as any SoukError {
            throw .unavailable(error.logDescription)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
