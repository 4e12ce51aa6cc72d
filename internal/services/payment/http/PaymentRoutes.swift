import HTTPTypes
import Hummingbird
import SoukAPI
import SoukCallContext
import SoukDatabase
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukPaymentKernel

/// Payments for customers and admins, and the providers' way in.
struct PaymentRoutes: Sendable {
    private static let maxWebhookBytes = 64 << 10

    let database: any Database
    let intents: IntentStore
    let refundStore: RefundStore
    let refunds: Refunds
    let workflow: IntentWorkflow
    let webhooks: WebhookReceiver
    let idempotency: Idempotency

    func register(_ routes: Routes) {
        routes.open.post("/api/v1/payments/webhooks/{provider}") { request, context in
            try await receive(request, provider: try context.parameter("provider"))
        }
        routes.user.get("/api/v1/payments/{id}") { _, context in
            try await show(try context.id(), to: context.principal.userID)
        }
        routes.admin.get("/api/v1/admin/payments") { request, _ in try await list(request) }
        routes.admin.get("/api/v1/admin/payments/{id}") { _, context in try await detail(try context.id()) }
        routes.admin.post("/api/v1/admin/payments/{id}/refunds") { request, context in
            let id = try context.id(as: PaymentID.self)
            return try await idempotency.run(request, context) { request, key in
                try await refund(
                    id, try await request.body(RefundBody.self),
                    key: "admin:\(context.principal.userID):\(key)")
            } rereading: { _, subject in
                guard let id = RefundID(subject), let refund = try await refundStore.find(id, in: database)
                else { throw PaymentError.notFound }
                return try .ok(RefundResponse(refund))
            }
        }
        routes.admin.post("/api/v1/admin/payments/{id}/capture") { request, context in
            let id = try context.id(as: PaymentID.self)
            return try await idempotency.run(request, context) { request, _ in
                _ = try await request.optionalBody(EmptyBody.self)
                return try Reply.ok(AdminPaymentResponse(try await workflow.capture(id)))
            } rereading: { _, _ in
                guard let intent = try await intents.find(id, in: database) else {
                    throw PaymentError.notFound
                }
                return try .ok(AdminPaymentResponse(intent))
            }
        }
    }

    private func receive(_ request: Request, provider: String) async throws -> Reply {
        guard provider == webhooks.provider.name else { throw PaymentError.unknownProvider }
        let body = try await request.bytes(maxBytes: Self.maxWebhookBytes)
        let receipt = try await webhooks.receive(headers: request.headers, rawBody: body)
        return try .ok(WebhookReceiptResponse(outcome: receipt.name))
    }

    private func show(_ id: PaymentID, to customer: UserID) async throws -> Reply {
        // Somebody else's payment must not be told apart from none.
        guard let intent = try await intents.find(id, in: database), intent.customerID == customer else {
            throw PaymentError.notFound
        }
        return try .ok(PaymentResponse(intent))
    }

    private func list(_ request: Request) async throws -> Reply {
        let state = try request.queryChoice("state", as: PaymentIntent.State.self)
        let order = try request.queryID("order_id", as: OrderID.self)
        let page = try request.pageRequest()
        let found = try await database.snapshot { reader in
            try await intents.list(state: state, order: order, page, in: reader)
        }
        return try .page(found.map(AdminPaymentResponse.init))
    }

    private func detail(_ id: PaymentID) async throws -> Reply {
        let view = try await database.snapshot { reader -> AdminPaymentDetailResponse in
            guard let intent = try await intents.find(id, in: reader) else { throw PaymentError.notFound }
            return AdminPaymentDetailResponse(
                payment: AdminPaymentResponse(intent),
                shares: try await intents.shares(of: id, in: reader).map(ShareResponse.init),
                refunds: try await refundStore.list(of: id, in: reader).map(RefundResponse.init))
        }
        return try .ok(view)
    }

    private func refund(_ id: PaymentID, _ body: RefundBody, key: String) async throws -> Reply {
        let request = RefundRequest(
            key: key, amount: body.amount.map { .exactly($0) } ?? .remaining, vendorID: body.vendorID,
            reason: body.reason, returnID: nil)
        let refund = try await database.transaction(isolation: .readCommitted) {
            try await refunds.request(request, of: id, in: $0)
        }
        return try .accepted(RefundResponse(refund)).about(refund.id)
    }
}
