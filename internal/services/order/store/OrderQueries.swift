import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTime

/// Which orders a list shows.
struct OrderFilter: Sendable, Hashable {
    var customer: UserID?
    var status: OrderStatus?
    var reference: String?
    /// Placed at or after.
    var from: Timestamp?
    /// Placed before.
    var to: Timestamp?
    /// Whether checkouts that were refused are listed without being asked for by their status.
    var includesFailed = true
}

/// Reading orders for people: a fixed number of statements whatever the size of the answer.
struct OrderQueries: Sendable {
    private let store = OrderStore()

    /// One page, newest first.
    func page(
        _ filter: OrderFilter, _ request: PageRequest, in database: any Database
    ) async throws -> Page<Order> {
        let condition = Self.condition(filter)
        return try await database.snapshot { reader in
            let total: Int? = try await reader.scalar("SELECT COUNT(*) FROM orders WHERE \(sql: condition)")
            let rows = try await reader.query(
                """
                SELECT \(sql: OrderStore.columns) FROM orders WHERE \(sql: condition)
                ORDER BY created_at DESC, id DESC LIMIT \(request.size) OFFSET \(request.offset)
                """)
            return Page(items: try rows.map(Order.init(row:)), request: request, totalCount: total ?? 0)
        }
    }

    /// An order with all that belongs to it; nil when there is none.
    func detail(_ id: OrderID, in database: any Database) async throws -> OrderDetail? {
        try await database.snapshot { reader in
            guard let order = try await store.order(id, in: reader) else { return nil }
            var detail = OrderDetail(
                order: order, lines: try await store.lines(of: order, in: reader),
                parts: try await store.parts(of: order, in: reader))
            detail.shipments = try await reader.query(
                """
                SELECT id, vendor_order_id, carrier, tracking_number, lines, shipped_at
                FROM order_shipments WHERE order_id = \(id) ORDER BY shipped_at, id
                """
            ).map(OrderShipment.init(row:))
            detail.returns = try await reader.query(
                "SELECT id, vendor_order_id, status, amount, reason FROM order_returns WHERE order_id = \(id) ORDER BY id"
            ).map { try OrderReturn(row: $0, currency: order.total.currency) }
            return detail
        }
    }

    private static func condition(_ filter: OrderFilter) -> SQL {
        var terms: [SQL] = []
        if let customer = filter.customer { terms.append("customer_id = \(customer)") }
        if let status = filter.status {
            terms.append("status = \(status.rawValue)")
        } else if !filter.includesFailed {
            terms.append("status <> \(OrderStatus.failed.rawValue)")
        }
        if let reference = filter.reference { terms.append("reference = \(reference)") }
        if let from = filter.from { terms.append("created_at >= \(from)") }
        if let to = filter.to { terms.append("created_at < \(to)") }
        return terms.isEmpty ? "1 = 1" : terms.joined(separator: " AND ")
    }
}
