import Logging
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// Creates, cancels and captures intents: short transactions with the provider's calls between them.
///
/// Every step can be repeated and none is lost: what we promise is written down before the provider is asked, and the
/// provider knows each charge by our id.
struct IntentWorkflow: Sendable {
    let database: any Database
    let store: IntentStore
    let updates: ChargeUpdates
    let provider: any PaymentProvider
    let options: PaymentOptions
    let clock: any WallClock
    let logger: Logger

    // MARK: Creating

    /// - Throws: `PaymentKernelError`, `DatabaseError`.
    func create(_ request: IntentRequest) async throws -> Intent {
        try Self.check(request)
        let intent = try await database.transaction(isolation: .readCommitted) {
            try await findOrInsert(request, in: $0)
        }
        switch intent.state {
        case .pending where intent.payURL == nil:
            return try await openCharge(intent)
        case .failed where intent.reference == nil:
            throw PaymentKernelError.providerRefused(intent.failureReason ?? "refused")
        case .pending, .authorized, .captured, .failed, .cancelled:
            return intent
        }
    }

    private static func check(_ request: IntentRequest) throws {
        let currency = request.amount.currency
        guard request.amount.amount > 0, !request.shares.isEmpty,
            request.shares.allSatisfy({ $0.gross.currency == currency && !$0.gross.isNegative }),
            Set(request.shares.map(\.vendorID)).count == request.shares.count,
            try Money.sum(request.shares.map(\.gross), in: currency) == request.amount
        else {
            throw PaymentKernelError.providerRefused(
                "order \(request.orderID): the amount must be positive and the vendors' shares sum to it")
        }
    }

    private func findOrInsert(_ request: IntentRequest, in tx: any Transaction) async throws -> Intent {
        try await store.lock(request.orderID, in: tx)
        if let known = try await store.find(order: request.orderID, in: tx) {
            let shares = try await store.shares(of: known.id, in: tx)
                .map { IntentRequest.Share(vendorID: $0.vendorID, gross: $0.gross) }
            guard known.amount == request.amount, known.customerID == request.customerID,
                Set(shares) == Set(request.shares)
            else { throw PaymentKernelError.intentMismatch(request.orderID) }
            return known
        }
        guard try await !store.isTombstoned(request.orderID, in: tx) else {
            throw PaymentKernelError.orderCancelled(request.orderID)
        }
        let id = PaymentID()
        let now = clock.now()
        try await store.insert(
            request, id: id, provider: provider.name, nextCheckAt: now + options.reconcileAfter, now: now,
            in: tx)
        guard let intent = try await store.find(id, in: tx) else { throw PaymentError.notFound }
        return intent
    }

    private func openCharge(_ intent: Intent) async throws -> Intent {
        let charge: ProviderCharge
        do {
            charge = try await provider.createCharge(
                ChargeRequest(
                    paymentID: intent.id, orderID: intent.orderID, amount: intent.amount,
                    expiresAt: intent.expiresAt, returnURL: options.returnURL, capture: options.capture))
        } catch .refused(let code, let detail) {
            logger.warning(
                "charge refused", metadata: ["payment_id": "\(intent.id)", "error": "\(code): \(detail)"])
            // The caller learns of it here, so no event says it again.
            _ = try await settle(intent.id, .failed(reason: code), isAnnounced: false)
            throw PaymentKernelError.providerRefused("\(code): \(detail)")
        } catch .unavailable(let detail) {
            throw PaymentKernelError.unavailable(detail)
        }
        let opened = try await database.transaction(isolation: .readCommitted) { tx in
            try await store.setCharge(charge, of: intent.id, now: clock.now(), in: tx)
            return try await store.find(intent.id, in: tx)
        }
        guard let opened else { throw PaymentError.notFound }
        if opened.state == .cancelled || opened.state == .failed {
            // Cancelled while the provider opened the charge: close it there too. Nobody has seen its page, and it
            // expires by itself if this call is lost.
            return try await settle(opened.id, try await cancelCharge(charge.reference))
        }
        return opened
    }

    // MARK: Cancelling

    /// - Returns: nil for an order without an intent, which can't get one from now on.
    /// - Throws: `PaymentKernelError.unavailable`, `DatabaseError`.
    func cancel(_ order: OrderID) async throws -> Intent? {
        let found = try await database.transaction(isolation: .readCommitted) { tx -> Intent? in
            try await store.lock(order, in: tx)
            guard let intent = try await store.find(order: order, locked: true, in: tx) else {
                try await store.insertTombstone(order, now: clock.now(), in: tx)
                return nil
            }
            guard intent.state == .pending, intent.reference == nil else { return intent }
            // No charge, or one that is just being opened: whoever opens it will find this and close it.
            _ = try await updates.apply(.cancelled, to: intent, in: tx)
            return try await store.find(order: order, in: tx)
        }
        guard let intent = found, intent.state == .pending || intent.state == .authorized,
            let reference = intent.reference
        else { return found }
        return try await settle(intent.id, try await cancelCharge(reference), isAnnounced: false)
    }

    private func cancelCharge(_ reference: String) async throws(PaymentKernelError) -> ChargeSignal? {
        do {
            return try await provider.end(reference, logger)
        } catch {
            throw .unavailable("cancelling charge \(reference): \(error.logDescription)")
        }
    }

    // MARK: Capturing

    /// Takes the money of an authorized intent; a captured one stays as it is.
    ///
    /// - Throws: `PaymentError`, `ProviderError`, `DatabaseError`.
    func capture(_ id: PaymentID) async throws -> Intent {
        guard let intent = try await store.find(id, in: database) else { throw PaymentError.notFound }
        if intent.state == .captured { return intent }
        guard intent.state == .authorized, let reference = intent.reference else {
            throw PaymentError.notAuthorized
        }
        let state = try await provider.capture(reference, amount: intent.amount, key: intent.id.description)
        let settled = try await settle(id, ChargeSignal(state))
        guard settled.state == .captured else { throw PaymentError.notAuthorized }
        return settled
    }

    // MARK: Shared

    /// Applies what the provider said, and gives the intent as it is then.
    @discardableResult
    func settle(_ id: PaymentID, _ signal: ChargeSignal?, isAnnounced: Bool = true) async throws -> Intent {
        try await database.transaction(isolation: .readCommitted) { tx in
            guard let intent = try await store.find(id, locked: true, in: tx) else {
                throw PaymentError.notFound
            }
            guard let signal else { return intent }
            _ = try await updates.apply(signal, to: intent, isAnnounced: isAnnounced, in: tx)
            return try await store.find(id, in: tx) ?? intent
        }
    }
}

extension PaymentProvider {
    /// Cancels a charge and gives its final state as a signal.
    ///
    /// A charge that the provider refuses to know can't be paid there, so it counts as cancelled; should its money
    /// turn up after all, the webhook still captures it.
    ///
    /// - Throws: `.unavailable`.
    func end(_ reference: String, _ logger: Logger) async throws(ProviderError) -> ChargeSignal? {
        do {
            return ChargeSignal(try await cancel(reference))
        } catch .refused(let code, let detail) {
            logger.error(
                "provider refuses to cancel a charge",
                metadata: [
                    "reference": "\(reference)", "error": "\(code): \(detail)",
                ])
            return .cancelled
        }
    }
}
