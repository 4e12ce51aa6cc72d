import Logging
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukEventsRuntime
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime
import SoukVendorKernel

/// Carries out what an order needs of its peers, step by step.
///
/// The step at which a saga stands is in the database, and every step's call is idempotent by the order: a crash at any
/// point is mended by doing the step again. Between the call and the next step lies one transaction, in which the
/// order is read anew; an event that was quicker is found there, and wins.
final class OrderSagas: Sendable {
    struct Options: Sendable {
        /// How often a step is tried before the caller is told to come back.
        var attempts = 3
        /// The wait before the second attempt; grows with each.
        var retryDelay: Duration = .milliseconds(100)
        /// How long a process may keep a saga without anybody else taking it over.
        var claim: Duration = .seconds(60)
        /// The stock hold from checkout on: the time to pay, and slack for the news of a payment to arrive.
        var hold: Duration
        /// The same for an order that takes a large share of the stock of something.
        var largeHold: Duration
        /// The time to pay such an order.
        var largeWindow: Duration
    }

    private let database: any Database
    private let transitions: OrderTransitions
    private let vendors: any VendorKernel
    private let payments: any PaymentKernel
    private let clock: any WallClock
    private let options: Options
    private let retry: StepRetry
    private let logger: Logger
    private let locks = KeyedLock<OrderID>()

    init(
        database: any Database, transitions: OrderTransitions, vendors: any VendorKernel,
        payments: any PaymentKernel, clock: any WallClock, options: Options, logger: Logger
    ) {
        self.database = database
        self.transitions = transitions
        self.vendors = vendors
        self.payments = payments
        self.clock = clock
        self.options = options
        retry = StepRetry(clock: clock, attempts: options.attempts, delay: options.retryDelay)
        self.logger = logger
    }

    /// Moves the order's saga on as far as it goes, and gives the order as it stands then.
    ///
    /// Callers of one order take turns. With no saga to run, or one that another process has, the order comes back as
    /// it is.
    ///
    /// - Throws: What the failing step threw; the saga then waits for the job. ``OrderError/notFound``.
    @discardableResult
    func advance(_ id: OrderID, _ context: CallContext) async throws -> Order {
        try await locks.withLock(id) {
            let now = clock.now()
            let claim = SagaClaim(until: now + options.claim)
            if let first = try await transitions.sagas.claim(id, claim, at: now, in: database) {
                try await run(id, from: first, claim, context)
            }
            guard let order = try await transitions.store.order(id, in: database) else {
                throw OrderError.notFound
            }
            return order
        }
    }

    /// Moves on the sagas that are due, oldest first; how many came to their end or their next attempt.
    func advanceDue(limit: Int) async throws -> Int {
        let due = try await transitions.sagas.due(at: clock.now(), limit: limit, in: database)
        for id in due {
            try Task.checkCancellation()
            do {
                try await advance(id, .background("order.sagas"))
            } catch let error as CancellationError {
                throw error
            } catch {
                // Already logged and postponed; the next one may fare better.
                continue
            }
        }
        return due.count
    }

    private func run(
        _ id: OrderID, from first: SagaStep, _ claim: SagaClaim, _ context: CallContext
    ) async throws {
        var step: SagaStep? = first
        do {
            while let current = step {
                step = try await perform(current, id, claim, context)
            }
        } catch {
            logger.warning(
                "saga step failed",
                metadata: [
                    "order_id": "\(id)", "step": "\(step?.rawValue ?? "")",
                    "error": "\(Self.describe(error))",
                    "request_id": "\(context.requestID)",
                ])
            await postpone(id, claim, error)
            throw error
        }
    }

    private func postpone(_ id: OrderID, _ claim: SagaClaim, _ error: any Error) async {
        // In a task of its own, waited for: a cancelled request must still let go of its saga.
        let outcome = await Task { [transitions, database, clock] in
            try await transitions.sagas.postpone(
                id, claim, from: clock.now(), error: Self.describe(error), in: database)
        }.result
        if case .failure(let failure) = outcome {
            logger.error("saga not postponed", metadata: ["order_id": "\(id)", "error": "\(failure)"])
        }
    }

    private static func describe(_ error: any Error) -> String {
        (error as? any SoukError)?.logDescription ?? String(describing: error)
    }

    // MARK: - Steps

    private func perform(
        _ step: SagaStep, _ id: OrderID, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        guard let order = try await transitions.store.order(id, in: database) else {
            throw OrderError.notFound
        }
        guard step.fits(order) else { return try await settle(id, at: step, claim) { _, _ in } }
        return switch step {
        case .reserve: try await reserve(order, claim, context)
        case .createIntent: try await createIntent(order, claim, context)
        case .undoIntent: try await undoIntent(order, claim, context)
        case .undoStock: try await undoStock(order, claim, context)
        case .cancelIntent: try await cancelIntent(order, claim, context)
        case .cancelFulfilment: try await cancelFulfilment(order, claim, context)
        }
    }

    private func reserve(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        guard clock.now() < order.expiresAt else {
            return try await refuse(order, at: .reserve, claim, CheckoutRefusal(OrderError.checkoutExpired))
        }
        let lines = try await transitions.store.lines(of: order, in: database)
        let parts = try await transitions.store.parts(of: order, in: database)
        let request = ReservationRequest(
            order, lines: lines, parts: parts, holdFor: options.hold, holdLargeFor: options.largeHold)
        let reservation: Reservation
        do {
            reservation = try await retry(context) { () async throws(VendorKernelError) in
                try await vendors.reserve(request, context)
            }
        } catch let error as VendorKernelError where !error.kind.isRetryable {
            return try await refuse(
                order, at: .reserve, claim, CheckoutRefusal(error, lines: lines, parts: parts))
        }
        return try await settle(order.id, at: .reserve, claim) { order, tx in
            if reservation.isLarge {
                order.expiresAt = min(order.expiresAt, order.createdAt + self.options.largeWindow)
                try await self.transitions.store.save(order, at: self.clock.now(), in: tx)
            }
            try await self.transitions.sagas.set(.createIntent, of: order.id, at: self.clock.now(), in: tx)
        }
    }

    private func createIntent(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        guard clock.now() < order.expiresAt else {
            return try await refuse(
                order, at: .createIntent, claim, CheckoutRefusal(OrderError.checkoutExpired))
        }
        let parts = try await transitions.store.parts(of: order, in: database)
        let request = try IntentRequest(order, parts: parts)
        let intent: PaymentIntent
        do {
            intent = try await retry(context) { () async throws(PaymentKernelError) in
                try await payments.createIntent(request, context)
            }
        } catch let error as PaymentKernelError where !error.kind.isRetryable {
            return try await refuse(order, at: .createIntent, claim, CheckoutRefusal(error))
        }
        switch intent.state {
        case .pending, .authorized, .captured:
            return try await settle(order.id, at: .createIntent, claim) { order, tx in
                if order.status == .creating {
                    try await self.transitions.place(&order, intent, in: tx)
                } else {
                    try await self.transitions.renewPayment(&order, intent, in: tx)
                }
            }
        case .failed, .cancelled:
            let refusal = CheckoutRefusal(
                PaymentKernelError.providerRefused("intent \(intent.id) is \(intent.state)"))
            return try await refuse(order, at: .createIntent, claim, refusal)
        }
    }

    private func undoIntent(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        let intent = try await cancelledIntent(of: order, context)
        return try await settle(order.id, at: .undoIntent, claim) { order, tx in
            // Not to be expected of a checkout that was refused, but money that was taken all the same goes back.
            if intent?.state == .captured { order.wasPaid = true }
            try await self.transitions.store.save(order, at: self.clock.now(), in: tx)
            try await self.transitions.sagas.set(.undoStock, of: order.id, at: self.clock.now(), in: tx)
        }
    }

    private func undoStock(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        do {
            try await retry(context) { () async throws(VendorKernelError) in
                try await vendors.release(order.id, context)
            }
        } catch VendorKernelError.reservationEnded {
            // Committed: only an order that was paid gets there, and this one can't have been.
            logger.error("stock of a failed checkout was committed", metadata: ["order_id": "\(order.id)"])
        }
        return try await settle(order.id, at: .undoStock, claim) { order, tx in
            try await self.transitions.failCheckout(&order, in: tx)
        }
    }

    private func cancelIntent(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        let intent = try await cancelledIntent(of: order, context)
        return try await settle(order.id, at: .cancelIntent, claim) { order, tx in
            if let intent, intent.state == .captured {
                try await self.transitions.capture(&order, intent.id, intent.amount, in: tx)
            } else {
                try await self.transitions.finishCancel(&order, payment: intent?.state, in: tx)
            }
        }
    }

    private func cancelFulfilment(
        _ order: Order, _ claim: SagaClaim, _ context: CallContext
    ) async throws -> SagaStep? {
        do {
            try await retry(context) { () async throws(VendorKernelError) in
                try await vendors.cancelFulfilment(order.id, context)
            }
        } catch VendorKernelError.alreadyShipped {
            return try await settle(order.id, at: .cancelFulfilment, claim) { order, tx in
                try await self.transitions.refuseCancel(&order, in: tx)
            }
        }
        return try await settle(order.id, at: .cancelFulfilment, claim) { order, tx in
            try await self.transitions.finishCancel(&order, payment: nil, in: tx)
        }
    }

    // MARK: - Pieces

    /// One step's end: the order as it is now, unless the saga has moved on without us. The next step, with the claim
    /// extended; nil where there is none, or another process has the saga by now.
    private func settle(
        _ id: OrderID, at step: SagaStep, _ claim: SagaClaim,
        _ body: @Sendable (inout Order, any Transaction) async throws -> Void
    ) async throws -> SagaStep? {
        CrashPoint.hit(.sagaBeforeSettle)
        let next = try await database.transaction(isolation: .readCommitted) { tx in
            var order = try await transitions.load(id, in: tx)
            guard let standing = try await transitions.sagas.step(of: id, heldBy: claim, in: tx) else {
                return nil as SagaStep?
            }
            let extended = claim.extended(to: clock.now() + options.claim)
            guard standing == step else {
                try await transitions.sagas.keep(id, extended, in: tx)
                return standing
            }
            guard step.fits(order) else {
                // Something quicker ended or paid it.
                try await transitions.sagas.finish(id, in: tx)
                return nil
            }
            try await body(&order, tx)
            let next = try await transitions.sagas.step(of: id, in: tx)
            guard next != step else {
                throw ServiceError(
                    .internalError, code: "order.saga_stuck", message: "The order can't be moved on.",
                    detail: "order \(id): step \(step.rawValue) leads nowhere from \(order.status)")
            }
            if next != nil { try await transitions.sagas.keep(id, extended, in: tx) }
            return next
        }
        CrashPoint.hit(.sagaAfterSettle)
        return next
    }

    /// A peer said no: a checkout is undone, a standing order whose payment can't be renewed is cancelled.
    private func refuse(
        _ order: Order, at step: SagaStep, _ claim: SagaClaim, _ refusal: CheckoutRefusal
    ) async throws -> SagaStep? {
        try await settle(order.id, at: step, claim) { order, tx in
            if order.status == .creating {
                let undo: SagaStep = step == .reserve ? .undoStock : .undoIntent
                try await self.transitions.undo(&order, because: refusal, from: undo, in: tx)
            } else {
                try await self.transitions.beginCancel(&order, .paymentFailed, in: tx)
            }
        }
    }

    private func cancelledIntent(of order: Order, _ context: CallContext) async throws -> PaymentIntent? {
        let intent = try await retry(context) { () async throws(PaymentKernelError) in
            try await payments.cancelIntent(order.id, context)
        }
        if let intent, intent.state == .pending || intent.state == .authorized {
            throw PaymentKernelError.unavailable(
                "intent \(intent.id) is \(intent.state) after its cancellation")
        }
        return intent
    }
}
