import Logging
import SoukDatabase
import SoukTime

/// Asks the provider for every pending refund, until each has an answer.
///
/// The provider knows a refund by our id: when we die between its answer and our commit, asking again gives the same
/// refund, not another one.
struct RefundWorker: Sendable {
    private static let batch = 32
    private static let concurrency = 8

    let database: any Database
    let intents: IntentStore
    let store: RefundStore
    let refunds: Refunds
    let provider: any PaymentProvider
    let clock: any WallClock
    let logger: Logger

    /// Works through all that is due.
    ///
    /// - Throws: `DatabaseError`; `CancellationError`. What the provider answers never throws.
    func run() async throws {
        while true {
            try Task.checkCancellation()
            let due = try await store.due(at: clock.now(), limit: Self.batch, in: database)
            guard !due.isEmpty else { return }
            try await forEach(due, concurrency: Self.concurrency) { refund in
                do {
                    try await process(refund)
                } catch {
                    try Task.checkCancellation()
                    // One refund's trouble doesn't hold up the others; without a database this throws in its turn.
                    try await postpone(refund, "\(error)")
                }
            }
        }
    }

    private func process(_ refund: Refund) async throws {
        guard let reference = try await intents.find(refund.paymentID, in: database)?.reference else {
            return try await giveUp(refund, "the payment has no charge")
        }
        do {
            try await provider.refund(reference, amount: refund.amount, refundID: refund.id)
        } catch .refused(let code, let detail) {
            return try await giveUp(refund, "\(code): \(detail)", failure: code)
        } catch .unavailable(let detail) {
            return try await postpone(refund, detail)
        }
        try await database.transaction(isolation: .readCommitted) {
            try await refunds.succeed(refund, in: $0)
        }
    }

    private func postpone(_ refund: Refund, _ detail: String) async throws {
        let wait = Backoff.delay(attempt: refund.attempts, base: .seconds(1), cap: .seconds(3_600))
        logger.warning(
            "refund postponed",
            metadata: [
                "refund_id": "\(refund.id)", "attempt": "\(refund.attempts + 1)", "error": "\(detail)",
            ])
        try await store.postpone(refund.id, until: clock.now() + wait, in: database)
    }

    private func giveUp(_ refund: Refund, _ detail: String, failure: String = "no_charge") async throws {
        try await database.transaction(isolation: .readCommitted) {
            try await refunds.fail(refund, failure: failure, in: $0)
        }
        logger.error(
            "refund refused by the provider",
            metadata: [
                "refund_id": "\(refund.id)", "payment_id": "\(refund.paymentID)", "error": "\(detail)",
            ])
    }
}

/// Runs `body` for every item, at most `concurrency` at a time; the first error cancels the rest and comes out.
package func forEach<Item: Sendable>(
    _ items: [Item], concurrency: Int, _ body: @escaping @Sendable (Item) async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, item) in items.enumerated() {
            if index >= concurrency { try await group.next() }
            group.addTask { try await body(item) }
        }
        try await group.waitForAll()
    }
}
