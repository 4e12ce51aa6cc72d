import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukTime
import SoukVendorKernel

/// What a customer says at checkout; everything else comes from the cart and the shop.
struct CheckoutCommand: Sendable, Hashable {
    let address: Address
    let reference: String?
    /// What the customer was shown; another total is refused.
    let expectedTotal: Money?
}

/// Turns a cart into an order.
///
/// The customer's key names the order: whoever comes second with it, at the same time or after a crash, goes on with the
/// order that the first one made.
struct Checkout: Sendable {
    let database: any Database
    let carts: Carts
    let sagas: OrderSagas
    let clock: any WallClock
    let paymentWindow: Duration
    /// Orders of one customer that may wait for their payment: each holds stock that others can't buy.
    let maximumUnpaid: Int
    let coolDown: CoolDown
    private let store = OrderStore()
    private let sagaStore = SagaStore()
    private let cartStore = CartStore()

    init(
        database: any Database, carts: Carts, sagas: OrderSagas, clock: any WallClock,
        paymentWindow: Duration, maximumUnpaid: Int, coolDown: CoolDown
    ) {
        self.database = database
        self.carts = carts
        self.sagas = sagas
        self.clock = clock
        self.paymentWindow = paymentWindow
        self.maximumUnpaid = maximumUnpaid
        self.coolDown = coolDown
    }

    /// Places the order of this key, or goes on with it.
    ///
    /// - Returns: an order that isn't under creation any more.
    /// - Throws: ``OrderError`` for what is wrong with the cart, ``CheckoutRefusal`` for the order's lasting refusal,
    ///   ``OrderError/checkoutUnfinished(_:)`` while a peer can't be reached.
    func place(
        _ command: CheckoutCommand, of customer: UserID, key: String, _ context: CallContext
    ) async throws -> OrderID {
        if let order = try await store.order(of: customer, key: key, in: database) {
            return try await finish(order.id, context)
        }
        // Again when the cart changed between being priced and being bought, or an order number was taken.
        for _ in 0..<5 {
            let priced = try await carts.priced(.user(customer), context)
            guard let cart = priced.cart, !cart.items.isEmpty else {
                // The same request may have been quicker, and have bought the cart empty.
                guard let order = try await store.order(of: customer, key: key, in: database) else {
                    throw OrderError.cartEmpty
                }
                return try await finish(order.id, context)
            }
            let draft = try draft(priced, command, customer)
            if let id = try await create(draft, from: cart, key: key) {
                return try await finish(id, context)
            }
        }
        throw OrderError.checkoutInProgress
    }

    /// Writes the order and its saga; nil when it must be drafted again. Checkouts of one customer take turns with each
    /// other and with changes of the cart, so what is counted here holds.
    private func create(_ draft: OrderDetail, from cart: Cart, key: String) async throws -> OrderID? {
        let customer = draft.order.customerID
        do {
            return try await database.transaction(isolation: .readCommitted) { tx in
                try await cartStore.lock(.user(customer), in: tx)
                if let order = try await store.order(of: customer, key: key, in: tx) { return order.id }
                guard try await cartStore.cart(of: .user(customer), in: tx)?.version == cart.version else {
                    return nil
                }
                // Two keys over one cart would buy it twice.
                guard try await !store.isCreating(for: customer, in: tx) else {
                    throw OrderError.checkoutInProgress
                }
                guard try await store.unpaidCount(of: customer, in: tx) < maximumUnpaid else {
                    throw OrderError.tooManyUnpaid(maximumUnpaid)
                }
                try await checkCoolDown(of: customer, in: tx)
                try await store.insert(draft, key: key, in: tx)
                try await sagaStore.set(.reserve, of: draft.order.id, at: clock.now(), in: tx)
                return draft.order.id
            }
        } catch let error as DatabaseError {
            // The number is taken.
            guard case .uniqueViolation = error.reason else { throw error }
            return nil
        }
    }

    private func checkCoolDown(of customer: UserID, in tx: some Transaction) async throws {
        let now = clock.now()
        let record = try await store.endedUnpaid(of: customer, since: now - CoolDown.period, in: tx)
        guard let wait = coolDown.wait(after: record), wait.end > now else { return }
        throw OrderError.coolingDown(wait.count, wait.end - now)
    }

    /// Forgets orders that ended unpaid so long ago; how many.
    func purge(unpaidFor age: Duration) async throws -> Int {
        let moment = clock.now() - age
        var purged = 0
        while true {
            try Task.checkCancellation()
            let batch = try await database.transaction(isolation: .readCommitted) { tx in
                try await store.purgeUnpaid(createdBefore: moment, limit: 100, in: tx)
            }
            purged += batch
            if batch < 100 { return purged }
        }
    }

    private func finish(_ id: OrderID, _ context: CallContext) async throws -> OrderID {
        let order: Order
        do {
            order = try await sagas.advance(id, context)
        } catch {
            // Where the refusal is certain it is the answer, though undoing the rest takes longer.
            if let refusal = try await store.order(id, in: database)?.failure { throw refusal }
            throw OrderError.checkoutUnfinished((error as? any SoukError)?.logDescription ?? "\(error)")
        }
        if let refusal = order.failure { throw refusal }
        guard order.status != .creating else {
            throw OrderError.checkoutUnfinished("order \(id) is handled by another process")
        }
        return id
    }

    // MARK: - Draft

    /// The order that this cart makes at these prices.
    private func draft(_ priced: PricedCart, _ command: CheckoutCommand, _ customer: UserID) throws
        -> OrderDetail
    {
        try Self.refuseUnpurchasable(priced)
        let currencies = Set(priced.lines.compactMap { $0.total?.currency })
        guard currencies.count == 1, let total = priced.totals.first else {
            throw OrderError.mixedCurrencies(currencies.sorted { $0.code < $1.code })
        }
        guard total.amount > 0 else { throw OrderError.nothingToPay }
        if let expected = command.expectedTotal, expected != total {
            throw OrderError.totalChanged(expected: expected, actual: total)
        }
        let (lines, parts) = try Self.split(priced, total.currency)
        let now = clock.now()
        var generator = SystemRandomNumberGenerator()
        let order = Order(
            id: OrderID(), number: OrderNumber.random(using: &generator), customerID: customer,
            status: .creating,
            total: total, refunded: .zero(total.currency), lineCount: lines.count,
            reference: command.reference,
            address: command.address, cancelReason: nil, wasPaid: false, payment: nil, failure: nil,
            expiresAt: now + paymentWindow, createdAt: now, placedAt: nil, paidAt: nil)
        // Found out now, not when the money has been taken and nobody can be told.
        guard try OrderPaid(order, lines: lines, parts: parts, payment: PaymentID()).isPublishable else {
            throw OrderError.tooLarge
        }
        return OrderDetail(order: order, lines: lines, parts: parts)
    }

    /// The frozen lines, and one part per store in the order in which the lines name them.
    private static func split(
        _ priced: PricedCart, _ currency: Currency
    ) throws(MoneyError) -> ([OrderLine], [OrderPart]) {
        var lines: [OrderLine] = []
        var stores: [StoreID] = []
        var vendorOrders: [StoreID: VendorOrderID] = [:]
        var offers: [StoreID: (vendor: VendorID, name: String)] = [:]
        var totals: [StoreID: Money] = [:]
        for line in priced.lines {
            guard let variant = line.variant, let offer = line.offer, let total = line.total else { continue }
            let store = line.item.storeID
            let vendorOrder = vendorOrders[store] ?? VendorOrderID()
            if vendorOrders[store] == nil {
                vendorOrders[store] = vendorOrder
                offers[store] = (variant.vendorID, offer.storeName)
                stores.append(store)
            }
            totals[store] = try (totals[store] ?? .zero(currency)).adding(total)
            lines.append(
                OrderLine(
                    id: OrderLineID(), vendorOrderID: vendorOrder, cartItemID: line.item.id,
                    variantID: variant.id, productID: variant.productID, sku: variant.sku,
                    title: variant.title,
                    attributes: variant.attributes, quantity: line.item.quantity, unitPrice: variant.price,
                    total: total))
        }
        let parts = stores.compactMap { store -> OrderPart? in
            guard let id = vendorOrders[store], let offer = offers[store], let total = totals[store] else {
                return nil
            }
            return OrderPart(
                vendorOrderID: id, vendorID: offer.vendor, storeID: store, storeName: offer.name,
                status: .pending,
                total: total)
        }
        return (lines, parts)
    }

    /// - Throws: `VendorKernelError.insufficientStock` when stock is all that is short, as the reservation would say;
    ///   otherwise ``OrderError/notPurchasable(_:)`` with every line that is in the way.
    private static func refuseUnpurchasable(_ priced: PricedCart) throws {
        let problems = priced.lines.enumerated().filter { $0.element.problem != nil }
        guard !problems.isEmpty else { return }
        let shortages = problems.compactMap { _, line -> VendorKernelError.Shortage? in
            guard line.problem == .insufficientStock, let variant = line.variant, let offer = line.offer
            else { return nil }
            return VendorKernelError.Shortage(
                storeID: offer.storeID, sku: variant.sku, requested: line.item.quantity,
                available: offer.available)
        }
        if shortages.count == problems.count { throw VendorKernelError.insufficientStock(shortages) }
        throw OrderError.notPurchasable(
            problems.compactMap { index, line in
                line.problem.map { problem in
                    FieldError(
                        field: "items[\(index)]", code: problem.rawValue,
                        message: "\(line.variant?.title ?? "This item") \(problem.phrase).")
                }
            })
    }
}

extension LineProblem {
    fileprivate var phrase: String {
        switch self {
        case .variantUnavailable: "isn't sold any more"
        case .storeUnavailable: "isn't sold by this store at the moment"
        case .insufficientStock: "isn't in stock in this quantity"
        }
    }
}
