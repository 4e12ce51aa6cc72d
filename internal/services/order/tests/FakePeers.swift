import SoukCallContext
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukProductKernel
import SoukTime
import SoukVendorKernel
import Synchronization

/// Where a peer is to be unreachable: before it did anything, or after, so that only its answer is lost. For the caller
/// the two look alike, as a crash between the call and its record does.
enum Fault: String, Sendable, CaseIterable {
    case before, after
}

enum Operation: String, Sendable, CaseIterable {
    case variants, offers, reserve, release, cancelFulfilment, createIntent, cancelIntent
}

/// Peers in memory that keep the kernels' promises: everything is idempotent by the order.
final class FakePeers: Sendable {
    struct Stock: Hashable {
        let storeID: StoreID
        let sku: String
    }

    struct State {
        var faults: [Operation: [Fault]] = [:]
        var calls: [Operation: Int] = [:]
        var hooks: [Operation: @Sendable () async throws -> Void] = [:]

        var variants: [VariantID: VariantSnapshot] = [:]
        var stores: [StoreID: (vendorID: VendorID, name: String, isOpen: Bool)] = [:]
        var stock: [Stock: Int] = [:]

        var held: [OrderID: [ReservationRequest.Line]] = [:]
        var holds: [OrderID: Duration] = [:]
        /// Whether every hold is a large one.
        var largeHolds = false
        var holders: [OrderID: String] = [:]
        var ended: Set<OrderID> = []
        var shipped: Set<OrderID> = []
        var fulfilmentCancelled: Set<OrderID> = []

        var intents: [OrderID: PaymentIntent] = [:]
        var requests: [OrderID: IntentRequest] = [:]
        var uncreatable: Set<OrderID> = []
        var refusesPayments = false
    }

    let state = Mutex(State())
    let clock: any WallClock

    init(clock: any WallClock) {
        self.clock = clock
    }

    func script(_ operation: Operation, _ faults: [Fault]) {
        state.withLock { $0.faults[operation] = faults }
    }

    /// Something that happens while the peer is being called, once.
    func during(_ operation: Operation, _ body: @escaping @Sendable () async throws -> Void) {
        state.withLock { $0.hooks[operation] = body }
    }

    func calls(_ operation: Operation) -> Int { state.withLock { $0.calls[operation] ?? 0 } }

    /// Does the work of a call around its scripted fault; `unavailable` makes the error.
    func call<T, E: Error>(
        _ operation: Operation, unavailable: E, _ work: (inout State) -> Result<T, E>
    ) async throws(E) -> T {
        let (fault, hook) = state.withLock { state -> (Fault?, (@Sendable () async throws -> Void)?) in
            state.calls[operation, default: 0] += 1
            let fault =
                state.faults[operation]?.isEmpty == false ? state.faults[operation]?.removeFirst() : nil
            return (fault, state.hooks.removeValue(forKey: operation))
        }
        if fault == .before { throw unavailable }
        do { try await hook?() } catch { throw unavailable }
        let result = state.withLock { work(&$0) }
        if fault == .after { throw unavailable }
        return try result.get()
    }

    // MARK: - What tests arrange

    /// A variant in a store of a vendor, with so many in stock.
    @discardableResult
    func sell(
        _ sku: String, price: Money, vendor: VendorID = VendorID(), store: StoreID = StoreID(),
        stock: Int = 100
    ) -> VariantSnapshot {
        let variant = VariantSnapshot(
            id: VariantID(), productID: ProductID(), vendorID: vendor, sku: sku, title: "Fine \(sku)",
            attributes: ["colour": "red"], price: price, isPurchasable: true)
        state.withLock { state in
            state.variants[variant.id] = variant
            state.stores[store] = (vendor, "Store of \(sku)", true)
            state.stock[Stock(storeID: store, sku: sku)] = stock
        }
        return variant
    }

    func stock(_ sku: String) -> Int {
        state.withLock { $0.stock.filter { $0.key.sku == sku }.values.reduce(0, +) }
    }

    /// The provider takes the money, as its webhook tells the payment service.
    func capture(_ order: OrderID) {
        let now = clock.now()
        state.withLock { state in
            guard let intent = state.intents[order] else { return }
            state.intents[order] = intent.with(state: .captured, capturedAt: now)
        }
    }

    func set(_ order: OrderID, _ intentState: PaymentIntent.State?) {
        state.withLock { state in
            state.intents[order] = intentState.flatMap { state.intents[order]?.with(state: $0) }
        }
    }
}

extension FakePeers: ProductKernel {
    func variants(_ ids: [VariantID], _ context: CallContext) async throws(ProductKernelError)
        -> [VariantSnapshot]
    {
        try await call(.variants, unavailable: ProductKernelError.unavailable("scripted")) { state in
            .success(ids.compactMap { state.variants[$0] })
        }
    }
}

extension FakePeers: VendorKernel {
    func vendors(
        ownedBy users: [UserID], _ context: CallContext
    ) async throws(VendorKernelError) -> [UserID: VendorSummary] { [:] }

    func vendors(
        _ ids: [VendorID], _ context: CallContext
    ) async throws(VendorKernelError) -> [VendorID: VendorSummary] { [:] }

    func offers(_ skus: [VendorSKU], _ context: CallContext) async throws(VendorKernelError) -> [StockOffer] {
        try await call(.offers, unavailable: VendorKernelError.unavailable("scripted")) {
            state -> Result<[StockOffer], VendorKernelError> in
            var offers: [StockOffer] = []
            for (key, available) in state.stock {
                guard let store = state.stores[key.storeID], store.isOpen,
                    skus.contains(VendorSKU(vendorID: store.vendorID, sku: key.sku))
                else { continue }
                offers.append(
                    StockOffer(
                        vendorID: store.vendorID, sku: key.sku, storeID: key.storeID, storeName: store.name,
                        available: available))
            }
            return .success(offers.sorted { ($0.available, $0.storeID) > ($1.available, $1.storeID) })
        }
    }

    func reserve(_ request: ReservationRequest, _ context: CallContext) async throws(VendorKernelError)
        -> Reservation
    {
        try await call(.reserve, unavailable: VendorKernelError.unavailable("scripted")) {
            state -> Result<Reservation, VendorKernelError> in
            let order = request.orderID
            let isLarge = state.largeHolds
            if state.held[order] == request.lines {
                return .success(Reservation(id: ReservationID(), orderID: order, isLarge: isLarge))
            }
            if state.ended.contains(order) { return .failure(.reservationEnded(order)) }
            for line in request.lines where state.stores[line.storeID]?.isOpen != true {
                return .failure(.storeClosed(line.storeID))
            }
            let shortages = request.lines.compactMap { line -> VendorKernelError.Shortage? in
                let available = state.stock[Stock(storeID: line.storeID, sku: line.sku)] ?? 0
                guard available < line.quantity else { return nil }
                return .init(
                    storeID: line.storeID, sku: line.sku, requested: line.quantity, available: available)
            }
            guard shortages.isEmpty else { return .failure(.insufficientStock(shortages)) }
            for line in request.lines {
                state.stock[Stock(storeID: line.storeID, sku: line.sku), default: 0] -= line.quantity
            }
            state.held[order] = request.lines
            state.holds[order] = isLarge ? request.holdLargeFor : request.holdFor
            state.holders[order] = request.holder
            return .success(Reservation(id: ReservationID(), orderID: order, isLarge: isLarge))
        }
    }

    func release(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await call(.release, unavailable: VendorKernelError.unavailable("scripted")) {
            state -> Result<Void, VendorKernelError> in
            Self.giveBack(order, &state)
            return .success(())
        }
    }

    func cancelFulfilment(_ order: OrderID, _ context: CallContext) async throws(VendorKernelError) {
        try await call(.cancelFulfilment, unavailable: VendorKernelError.unavailable("scripted")) {
            state -> Result<Void, VendorKernelError> in
            if state.shipped.contains(order) { return .failure(.alreadyShipped(order)) }
            state.fulfilmentCancelled.insert(order)
            Self.giveBack(order, &state)
            return .success(())
        }
    }

    private static func giveBack(_ order: OrderID, _ state: inout State) {
        guard let lines = state.held.removeValue(forKey: order) else { return }
        state.ended.insert(order)
        for line in lines {
            state.stock[Stock(storeID: line.storeID, sku: line.sku), default: 0] += line.quantity
        }
    }
}

extension FakePeers: PaymentKernel {
    func createIntent(_ request: IntentRequest, _ context: CallContext) async throws(PaymentKernelError)
        -> PaymentIntent
    {
        try await call(.createIntent, unavailable: PaymentKernelError.unavailable("scripted")) {
            state -> Result<PaymentIntent, PaymentKernelError> in
            let order = request.orderID
            if let intent = state.intents[order] {
                return intent.amount == request.amount ? .success(intent) : .failure(.intentMismatch(order))
            }
            if state.uncreatable.contains(order) { return .failure(.orderCancelled(order)) }
            if state.refusesPayments { return .failure(.providerRefused("scripted")) }
            let intent = PaymentIntent(
                id: PaymentID(), orderID: order, customerID: request.customerID, amount: request.amount,
                refunded: .zero(request.amount.currency), state: .pending,
                payURL: "https://pay.example/\(order)",
                capturedAt: nil)
            state.intents[order] = intent
            state.requests[order] = request
            return .success(intent)
        }
    }

    func cancelIntent(_ order: OrderID, _ context: CallContext) async throws(PaymentKernelError)
        -> PaymentIntent?
    {
        try await call(.cancelIntent, unavailable: PaymentKernelError.unavailable("scripted")) {
            state -> Result<PaymentIntent?, PaymentKernelError> in
            guard let intent = state.intents[order] else {
                state.uncreatable.insert(order)
                return .success(nil)
            }
            guard intent.state == .pending || intent.state == .authorized else { return .success(intent) }
            let cancelled = intent.with(state: .cancelled)
            state.intents[order] = cancelled
            return .success(cancelled)
        }
    }

    func intents(of orders: [OrderID], _ context: CallContext) async throws(PaymentKernelError) -> [OrderID:
        PaymentIntent]
    {
        state.withLock { state in state.intents.filter { orders.contains($0.key) } }
    }

    func captured(
        since: Timestamp, limit: Int, _ context: CallContext
    ) async throws(PaymentKernelError) -> [PaymentIntent] {
        state.withLock { state in
            Array(
                state.intents.values
                    .filter { $0.state == .captured && ($0.capturedAt ?? .min) >= since }
                    .sorted { ($0.capturedAt ?? .min, $0.id) < ($1.capturedAt ?? .min, $1.id) }
                    .prefix(limit))
        }
    }
}

extension PaymentIntent {
    func with(state: State, capturedAt: Timestamp? = nil) -> PaymentIntent {
        PaymentIntent(
            id: id, orderID: orderID, customerID: customerID, amount: amount, refunded: refunded,
            state: state,
            payURL: state == .pending ? payURL : nil, capturedAt: capturedAt ?? self.capturedAt)
    }
}
