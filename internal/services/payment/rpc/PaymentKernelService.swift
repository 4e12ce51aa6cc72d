package import GRPCCore
import SoukCallContext
import SoukErrors
import SoukIdentifiers
import SoukIDs
package import SoukPaymentKernel
package import SoukProto
import SoukRPCRuntime
import SoukTime
import SwiftProtobuf

/// Serves a ``PaymentKernel`` to peers in other processes.
package struct PaymentKernelService: Souk_Payment_V1_PaymentKernelService.SimpleServiceProtocol {
    private let kernel: any PaymentKernel

    package init(kernel: any PaymentKernel) {
        self.kernel = kernel
    }

    package func createIntent(
        request: Souk_Payment_V1_CreateIntentRequest, context: ServerContext
    ) async throws -> Souk_Payment_V1_CreateIntentResponse {
        let asked = try IntentRequest(wire: request)
        let intent = try await answering {
            () async throws(PaymentKernelError) in try await kernel.createIntent(asked, context.call.context)
        }
        return .with { $0.intent = intent.wire }
    }

    package func cancelIntent(
        request: Souk_Payment_V1_CancelIntentRequest, context: ServerContext
    ) async throws -> Souk_Payment_V1_CancelIntentResponse {
        let order = try OrderID(request.orderID, field: "order_id")
        let intent = try await answering {
            () async throws(PaymentKernelError) in try await kernel.cancelIntent(order, context.call.context)
        }
        return .with { if let intent { $0.intent = intent.wire } }
    }

    package func batchGetIntents(
        request: Souk_Payment_V1_BatchGetIntentsRequest, context: ServerContext
    ) async throws -> Souk_Payment_V1_BatchGetIntentsResponse {
        let orders = try OrderID.batch(request.orderIds, field: "order_ids")
        let intents = try await kernel.intents(of: orders, context.call.context)
        return .with { $0.intents = intents.values.map(\.wire) }
    }

    package func listCapturedIntents(
        request: Souk_Payment_V1_ListCapturedIntentsRequest, context: ServerContext
    ) async throws -> Souk_Payment_V1_ListCapturedIntentsResponse {
        let limit = Int(request.limit)
        guard (1...KernelBatch.limit).contains(limit) else {
            throw MalformedMessage("limit")
        }
        let intents = try await kernel.captured(
            since: try request.since.timestamp("since"), limit: limit, context.call.context)
        return .with { $0.intents = intents.map(\.wire) }
    }

    private func answering<T: Sendable>(
        _ body: () async throws(PaymentKernelError) -> T
    ) async throws(RPCFailure) -> T {
        do {
            return try await body()
        } catch {
            throw error.failure
        }
    }
}
