import Hummingbird
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// Orders for their customers and for administrators.
struct OrderRoutes: Sendable {
    let cancellation: Cancellation
    let reconciler: Reconciler
    let database: any Database
    let idempotency: Idempotency
    private let queries = OrderQueries()

    init(
        cancellation: Cancellation, reconciler: Reconciler, database: any Database, idempotency: Idempotency
    ) {
        self.cancellation = cancellation
        self.reconciler = reconciler
        self.database = database
        self.idempotency = idempotency
    }

    func register(_ routes: Routes) {
        registerCustomer(routes)
        registerAdmin(routes)
    }

    private func registerCustomer(_ routes: Routes) {
        routes.user.get("/api/v1/orders") { request, context in
            var filter = OrderFilter(customer: context.principal.userID)
            filter.status = try request.queryChoice("status")
            filter.reference = try request.queryReference()
            filter.includesFailed = false
            let page = try await queries.page(filter, try request.pageRequest(), in: database)
            return try Reply.page(page.map(OrderSummaryResponse.init))
        }
        routes.user.get("/api/v1/orders/{id}") { _, context in
            let detail = try await queries.detail(try context.id(), in: database)
            guard let detail, detail.order.customerID == context.principal.userID else {
                throw OrderError.notFound
            }
            return try Reply.ok(OrderResponse(detail))
        }
        routes.user.post("/api/v1/orders/{id}/cancel") { request, context in
            let id: OrderID = try context.id()
            return try await idempotency.run(request, context, required: false) { _, _ in
                let (order, changed) = try await cancellation.cancel(
                    id, of: context.principal.userID, context.call)
                let response = try await response(id)
                let reply: Reply =
                    order.status == .cancelling ? try .accepted(response) : try .ok(response)
                return reply.changing(changed)
            } rereading: { _, _ in
                try .ok(try await response(id))
            }
        }
    }

    private func response(_ id: OrderID) async throws -> OrderResponse {
        guard let detail = try await queries.detail(id, in: database) else { throw OrderError.notFound }
        return OrderResponse(detail)
    }

    private func registerAdmin(_ routes: Routes) {
        routes.admin.get("/api/v1/admin/orders") { request, _ in
            var filter = OrderFilter(customer: try request.queryID("customer_id"))
            filter.status = try request.queryChoice("status")
            filter.reference = try request.queryReference()
            filter.from = try request.queryTime("from")
            filter.to = try request.queryTime("to")
            let page = try await queries.page(filter, try request.pageRequest(), in: database)
            return try Reply.page(page.map(OrderSummaryResponse.init))
        }
        routes.admin.get("/api/v1/admin/orders/{id}") { _, context in
            try Reply.ok(try await response(try context.id()))
        }
        routes.admin.post("/api/v1/admin/reconcile") { _, context in
            try Reply.ok(ReconcilerResponse(try await reconciler.reconcile(context.call)))
        }
    }
}

extension Request {
    /// The reference that is looked for.
    ///
    /// - Throws: `ValidationError` 400 for one that no order can have.
    fileprivate func queryReference() throws -> String? {
        guard let text = queryString("reference") else { return nil }
        let length = CheckoutBody.referenceLength
        guard length.contains(text.count) else {
            throw ValidationError.malformed([
                FieldError(
                    field: "reference", code: "length",
                    message: "The value must have \(length.lowerBound) to \(length.upperBound) characters.")
            ])
        }
        return text
    }

    /// A query parameter that is an RFC 3339 time.
    ///
    /// - Throws: `ValidationError` 400 when it is something else.
    fileprivate func queryTime(_ name: String) throws -> Timestamp? {
        guard let text = queryString(name) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw ValidationError.malformed([
                FieldError(field: name, code: "format", message: "The value must be an RFC 3339 date-time.")
            ])
        }
        return time
    }
}
