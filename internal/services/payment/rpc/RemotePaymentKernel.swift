package import GRPCCore
package import SoukCallContext
import SoukErrors
package import SoukIdentifiers
import SoukIDs
package import SoukPaymentKernel
import SoukProto
package import SoukRPCRuntime
package import SoukTime
import SwiftProtobuf

/// The payment service in another process. Every call may be repeated, mutations by their order, so all are retried.
package struct RemotePaymentKernel<Transport: ClientTransport>: PaymentKernel {
    private typealias Service = Souk_Payment_V1_PaymentKernelService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package func createIntent(
        _ request: IntentRequest, _ context: CallContext
    ) async throws(PaymentKernelError) -> PaymentIntent {
        try await ask(Service.Method.CreateIntent.descriptor, context) { client, options in
            let reply = try await client.createIntent(request.wire, options: options)
            return try PaymentIntent(wire: reply.intent)
        }
    }

    package func cancelIntent(
        _ order: OrderID, _ context: CallContext
    ) async throws(PaymentKernelError) -> PaymentIntent? {
        try await ask(Service.Method.CancelIntent.descriptor, context) { client, options in
            let reply = try await client.cancelIntent(
                .with { $0.orderID = order.description }, options: options)
            return reply.hasIntent ? try PaymentIntent(wire: reply.intent) : nil
        }
    }

    package func intents(
        of orders: [OrderID], _ context: CallContext
    ) async throws(PaymentKernelError) -> [OrderID: PaymentIntent] {
        if let complaint = KernelBatch.complaint(orders.count, "orders") { throw .unavailable(complaint) }
        guard !orders.isEmpty else { return [:] }
        return try await ask(Service.Method.BatchGetIntents.descriptor, context) { client, options in
            let reply = try await client.batchGetIntents(
                .with { $0.orderIds = orders.map(\.description) }, options: options)
            let intents = try reply.intents.map { try PaymentIntent(wire: $0) }
            return Dictionary(intents.map { ($0.orderID, $0) }) { first, _ in first }
        }
    }

    package func captured(
        since: Timestamp, limit: Int, _ context: CallContext
    ) async throws(PaymentKernelError) -> [PaymentIntent] {
        // As the kernel in the same process: a limit out of range is the nearest in it.
        let limit = min(max(limit, 1), KernelBatch.limit)
        return try await ask(Service.Method.ListCapturedIntents.descriptor, context) { client, options in
            let reply = try await client.listCapturedIntents(
                .with {
                    $0.since = .init(since)
                    $0.limit = Int32(limit)
                }, options: options)
            return try reply.intents.map { try PaymentIntent(wire: $0) }
        }
    }

    private func ask<Answer: Sendable>(
        _ method: MethodDescriptor, _ context: CallContext,
        _ body: @escaping @Sendable (Service.Client<Transport>, CallOptions) async throws -> Answer
    ) async throws(PaymentKernelError) -> Answer {
        do {
            return try await peer.call(method, context, idempotent: true) { client, options in
                try await body(Service.Client(wrapping: client), options)
            }
        } catch {
            throw PaymentKernelError(error)
        }
    }
}
