import SoukAPI
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTesting
import SoukTime
import SoukVendorKernel
import Testing

@testable import SoukVendor

/// The service's use cases on a database of their own, and short ways to bring about what tests need.
struct VendorBench: Sendable {
    struct Shop: Sendable {
        let owner: UserID
        let vendor: VendorID
        let store: StoreID
    }

    let clock = ManualClock()
    let database: any Database
    let useCases: VendorUseCases

    var kernel: any VendorKernel { useCases.kernel }
    let call = CallContext.background("test")

    init(limits: VendorLimits = VendorLimits(), holds: HoldLimits = HoldLimits()) async throws {
        let database = try await TestDatabase.make(sets: [
            "vendor": VendorMigrations.all, "events": EventRuntime.migrations,
        ])
        let runtime = EventRuntime(
            service: "vendor", database: database, broker: UnusedBroker(), clock: clock)
        self.database = database
        useCases = VendorUseCases(
            database: database, outbox: runtime.outbox, clock: clock, limits: limits, holds: holds)
    }

    /// An active vendor with an open store and this stock.
    func shop(_ stock: [String: Int] = [:], threshold: Int = 0) async throws -> Shop {
        let owner = UserID()
        let vendor = try await useCases.accounts.open(name: "Vendor", slug: nil, description: nil, by: owner)
        _ = try await useCases.accounts.decide(.approve, on: vendor.id, reason: nil)
        let store = try await useCases.storefronts.open(name: "Store", slug: nil, description: nil, by: owner)
        let shop = Shop(owner: owner, vendor: vendor.id, store: store.id)
        if !stock.isEmpty { try await count(stock, in: shop, threshold: threshold) }
        return shop
    }

    func count(_ stock: [String: Int], in shop: Shop, threshold: Int? = nil) async throws {
        _ = try await useCases.stock.count(
            stock.map { StockCount(sku: $0.key, onHand: $0.value, lowStockThreshold: threshold) },
            in: shop.store, by: shop.owner, key: UserID().description)
    }

    func adjust(_ delta: Int, of sku: String, in shop: Shop) async throws {
        _ = try await useCases.stock.adjust(
            sku, by: delta, note: "found", in: shop.store, by: shop.owner, key: UserID().description)
    }

    func reservationCount() async throws -> Int? {
        try await database.scalar("SELECT COUNT(*) FROM reservations")
    }

    @discardableResult
    func reserve(
        _ lines: [(Shop, String, Int)], for order: OrderID, by holder: String? = nil,
        holdFor: Duration = .seconds(900), holdLargeFor: Duration? = nil
    ) async throws -> Reservation {
        try await kernel.reserve(
            ReservationRequest(
                orderID: order, holder: holder ?? order.description,
                lines: lines.map { .init(storeID: $0.0.store, sku: $0.1, quantity: $0.2) }, holdFor: holdFor,
                holdLargeFor: holdLargeFor ?? holdFor),
            call)
    }

    /// What order publishes when these lines are paid; one part per shop, 10.00 GBP a piece.
    func paid(
        _ lines: [(Shop, String, Int)], order: OrderID, customer: UserID = UserID()
    ) throws -> OrderPaid {
        try Self.paid(lines, order: order, customer: customer)
    }

    /// As ``paid(_:order:customer:)``, without a bench.
    static func paid(_ lines: [(Shop, String, Int)], order: OrderID, customer: UserID) throws -> OrderPaid {
        let gbp = try #require(Currency("GBP"))
        var shops: [Shop] = []
        for line in lines where !shops.contains(where: { $0.store == line.0.store }) { shops.append(line.0) }
        let parts = shops.map { shop in
            let own = lines.filter { $0.0.store == shop.store }
            return VendorPartPayload(
                vendorOrderId: VendorOrderID(), vendorId: shop.vendor, storeId: shop.store,
                lines: own.map {
                    OrderLinePayload(
                        lineId: OrderLineID(), variantId: VariantID(), sku: $0.1, title: "A \($0.1)",
                        attributes: ["colour": "red"], quantity: $0.2, unitPrice: Money(1_000, gbp),
                        total: Money(1_000 * Int64($0.2), gbp))
                },
                total: Money(1_000 * Int64(own.reduce(0) { $0 + $1.2 }), gbp))
        }
        return OrderPaid(
            orderId: order, number: "S-1", customerId: customer, paymentId: PaymentID(),
            total: Money(parts.reduce(0) { $0 + $1.total.amount }, gbp),
            shippingAddress: AddressPayload(
                name: "Ada", line1: "1 Street", line2: nil, city: "London", region: nil, postalCode: "E1",
                country: "GB"),
            parts: parts)
    }

    func handle(_ event: OrderPaid) async throws {
        try await database.transaction { try await useCases.orders.fulfil(event, $0) }
    }

    func handle(_ event: OrderCancelled) async throws {
        try await database.transaction { try await useCases.orders.giveUp(event, $0) }
    }

    /// Reserves, pays, and gives the event.
    func sell(_ lines: [(Shop, String, Int)], to customer: UserID = UserID()) async throws -> OrderPaid {
        let order = OrderID()
        try await reserve(lines, for: order)
        let event = try paid(lines, order: order, customer: customer)
        try await handle(event)
        return event
    }

    func item(_ sku: String, in shop: Shop) async throws -> StockItem {
        try #require(try await StockTable.find(StockKey(storeID: shop.store, sku: sku), database))
    }

    func state(of order: OrderID) async throws -> ReservationState? {
        try await database.transaction { try await ReservationTable.find(order, $0)?.state }
    }

    func parts(of order: OrderID) async throws -> [VendorOrder] {
        try await database.transaction { try await VendorOrderTable.lock(of: order, $0) }
    }

    /// The payloads of one type in the outbox, oldest first.
    func published<E: Event>(_ type: E.Type) async throws -> [E] {
        try await database.query("SELECT data FROM outbox WHERE type = \(E.type) ORDER BY id").map {
            try JSONCoding.decode(E.self, from: try $0.get("data", as: [UInt8].self))
        }
    }

    /// Everything stored, to see that something changed nothing.
    func contents() async throws -> [String] {
        try await SoukVendorTests.contents(of: database)
    }

    /// Holds whatever happened: the journal explains the shelves, and nothing is held that isn't there.
    func checkBooks(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let rows = try await database.query(
            """
            SELECT on_hand, reserved,
                (SELECT COALESCE(SUM(delta), 0) FROM inventory_movements
                 WHERE inventory_movements.store_id = inventory.store_id
                    AND inventory_movements.sku = inventory.sku) AS moved,
                (SELECT COALESCE(SUM(quantity), 0) FROM reservation_lines
                 JOIN reservations ON reservations.id = reservation_lines.reservation_id
                 WHERE reservations.state = 'held' AND reservation_lines.store_id = inventory.store_id
                    AND reservation_lines.sku = inventory.sku) AS held
            FROM inventory
            """)
        for row in rows {
            #expect(
                try row.get("on_hand", as: Int.self) == row.get("moved", as: Int.self),
                sourceLocation: sourceLocation)
            #expect(
                try row.get("reserved", as: Int.self) == row.get("held", as: Int.self),
                sourceLocation: sourceLocation)
        }
    }
}

/// Every row of every table, but for the answers kept for idempotency keys and who relays what.
func contents(of database: any Database) async throws -> [String] {
    let names: SQL =
        switch database.dialect {
        case .sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        case .postgres: "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        }
    let tables = try await database.query(
        """
        SELECT name FROM (\(sql: names)) names
        WHERE name NOT LIKE '%idempotency%' AND name <> 'outbox_lanes' ORDER BY name
        """)
    var contents: [String] = []
    for table in tables {
        let name = try table.get("name", as: String.self)
        for row in try await database.query("SELECT * FROM \(raw: name) ORDER BY 1, 2") {
            contents.append("\(name): \(row.values)")
        }
    }
    return contents
}
