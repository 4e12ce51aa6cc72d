import Logging
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Ends orders before they are shipped: at their customer's wish, or because the time to pay is over.
struct Cancellation: Sendable {
    let database: any Database
    let transitions: OrderTransitions
    let sagas: OrderSagas
    let clock: any WallClock
    let logger: Logger
    private let scans = ReconcilerStore()

    init(
        database: any Database, transitions: OrderTransitions, sagas: OrderSagas, clock: any WallClock,
        logger: Logger
    ) {
        self.database = database
        self.transitions = transitions
        self.sagas = sagas
        self.clock = clock
        self.logger = logger
    }

    /// Cancels an order of this customer; one that was cancelled before stays so.
    ///
    /// - Returns: the order, still `cancelling` when a peer can't be reached (it goes on by itself); and whether the request
    ///   changed anything.
    /// - Throws: ``OrderError/notFound`` for others' orders, ``OrderError/alreadyShipped``,
    ///   ``OrderError/notCancellable(_:)``.
    func cancel(_ id: OrderID, of customer: UserID, _ context: CallContext) async throws -> (
        order: Order, changed: Bool
    ) {
        let (isOver, changed) = try await database.transaction(isolation: .readCommitted) { tx in
            var order = try await transitions.load(id, in: tx)
            guard order.customerID == customer else { throw OrderError.notFound }
            switch order.status {
            case .awaitingPayment, .paid:
                try await transitions.beginCancel(&order, .customer, in: tx)
                return (false, true)
            case .cancelling:
                return (false, try await adopt(&order, in: tx))
            case .cancelled:
                return (true, false)
            case .partiallyShipped, .shipped, .delivered:
                throw OrderError.alreadyShipped
            case .creating, .expired, .failed:
                throw OrderError.notCancellable(order.status)
            }
        }
        if !isOver {
            do {
                try await sagas.advance(id, context)
            } catch let error as any SoukError where error.kind.isRetryable {
                // The wish is persisted; the job carries it out.
                logger.info(
                    "cancellation goes on later",
                    metadata: ["order_id": "\(id)", "error": "\(error.logDescription)"])
            }
        }
        guard let order = try await transitions.store.order(id, in: database) else {
            throw OrderError.notFound
        }
        if order.status.isPaid { throw OrderError.alreadyShipped }
        return (order, changed)
    }

    /// A customer cancels what is expiring already: from now on even a quicker payment doesn't bring it back.
    /// Whether that was new.
    private func adopt(_ order: inout Order, in tx: some Transaction) async throws -> Bool {
        guard order.cancelReason != .customer else { return false }
        order.cancelReason = .customer
        try await transitions.store.save(order, at: clock.now(), in: tx)
        return true
    }

    /// Expires unpaid orders whose time is over, at most `limit` of them; how many were looked at.
    func expireOverdue(limit: Int) async throws -> Int {
        let overdue = try await scans.overdue(at: clock.now(), limit: limit, in: database)
        for id in overdue {
            try Task.checkCancellation()
            do {
                try await database.transaction(isolation: .readCommitted) { tx in
                    var order = try await transitions.load(id, in: tx)
                    guard order.status == .awaitingPayment, order.expiresAt <= clock.now() else { return }
                    try await transitions.beginCancel(&order, .expired, in: tx)
                }
                try await sagas.advance(id, .background("order.expiry"))
            } catch let error as CancellationError {
                throw error
            } catch {
                // One order's trouble doesn't hold up the others; what was begun is the saga job's.
                logger.warning("expiry failed", metadata: ["order_id": "\(id)", "error": "\(error)"])
            }
        }
        return overdue.count
    }
}
