import ArgumentParser

struct Orders: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everybody's orders.", subcommands: [ListOrders.self, ShowOrder.self], aliases: ["order"])
}

/// An amount in minor units.
private struct Money: Decodable, CustomStringConvertible {
    let amount: Int64
    let currency: String

    /// Stays in minor units: how many of them make a major one differs from currency to currency.
    var description: String { "\(amount) \(currency)" }
}

struct ListOrders: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists orders, newest first. Amounts are in minor units.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var page: PageOptions
    @Option(help: "Only orders in this state, such as paid.")
    var status: String?
    @Option(help: "Only this user's.")
    var customer: Identifier?
    @Option(help: "Only orders with this reference of the customer's.")
    var reference: String?

    private struct Order: Decodable {
        let id: String
        let number: String
        let status: String
        let total: Money
        let refunded: Money
        let createdAt: String
    }

    func run() async throws {
        let query =
            [("status", status), ("customer_id", customer?.text), ("reference", reference)] + page.query
        let answer = try await options.session().send(
            .get, Target.path(["api", "v1", "admin", "orders"], query: query))
        try options.show(answer) {
            let (orders, meta) = try answer.page(of: Order.self)
            guard !orders.isEmpty else { return "no orders" }
            var table = Table(["NUMBER", "ID", "STATUS", "TOTAL", "REFUNDED", "CREATED"], numeric: [3, 4])
            for order in orders {
                table.add([
                    order.number, order.id, order.status, "\(order.total)", "\(order.refunded)",
                    order.createdAt,
                ])
            }
            return table.text + meta.footer(shown: orders.count)
        }
    }
}

struct ShowOrder: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows an order. Amounts are in minor units.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The order.")
    var id: Identifier

    private struct Order: Decodable {
        struct Payment: Decodable {
            let id: String
            let state: String
        }
        struct Line: Decodable {
            let sku: String
            let title: String
            let quantity: Int
            let unitPrice: Money
            let total: Money
        }
        struct Part: Decodable {
            let vendorOrderId: String
            let storeName: String
            let status: String
            let total: Money
        }

        let id: String
        let number: String
        let customerId: String
        let status: String
        let reference: String?
        let total: Money
        let refunded: Money
        let cancelReason: String?
        let createdAt: String
        let paidAt: String?
        let expiresAt: String?
        let payment: Payment?
        let lines: [Line]
        let parts: [Part]
    }

    func run() async throws {
        let answer = try await options.session().send(
            .get, Target.path(["api", "v1", "admin", "orders", id.text]))
        try options.show(answer) {
            let order: Order = try answer.data()
            let head = Table.list([
                ("number", order.number), ("id", order.id), ("status", order.status),
                ("cancelled", order.cancelReason), ("customer", order.customerId),
                ("reference", order.reference),
                ("total", "\(order.total)"), ("refunded", "\(order.refunded)"), ("created", order.createdAt),
                ("paid", order.paidAt), ("expires", order.expiresAt),
                ("payment", order.payment.map { "\($0.state) \($0.id)" }),
            ])
            var lines = Table(["SKU", "TITLE", "QUANTITY", "PRICE", "TOTAL"], numeric: [2, 3, 4])
            for line in order.lines {
                lines.add([line.sku, line.title, "\(line.quantity)", "\(line.unitPrice)", "\(line.total)"])
            }
            var parts = Table(["VENDOR ORDER", "STORE", "STATUS", "TOTAL"], numeric: [3])
            for part in order.parts {
                parts.add([part.vendorOrderId, part.storeName, part.status, "\(part.total)"])
            }
            return [head, lines.text, parts.text].joined(separator: "\n\n")
        }
    }
}
