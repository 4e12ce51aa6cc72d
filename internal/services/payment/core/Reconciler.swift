import Logging
import SoukDatabase
import SoukErrors
import SoukIdentifiers
import SoukPaymentKernel
import SoukTime

/// Finds what webhooks should have told us and didn't: asks the provider about intents that wait for long, ends those
/// whose time to pay ran out, and looks again at webhooks whose charge was unknown.
struct Reconciler: Sendable {
    private static let batch = 50
    private static let concurrency = 8
    /// Rounds of one run, so that a run ends even while new intents fall due.
    private static let maxRounds = 20
    private static let maxDelay: Duration = .seconds(600)
    private static let maxOrphanChecks = 10

    let database: any Database
    let store: IntentStore
    let events: WebhookStore
    let updates: ChargeUpdates
    let workflow: IntentWorkflow
    let provider: any PaymentProvider
    let after: Duration
    let clock: any WallClock
    let logger: Logger

    /// - Throws: `DatabaseError`; `CancellationError`. What the provider answers never throws.
    func run() async throws {
        for _ in 0..<Self.maxRounds {
            try Task.checkCancellation()
            let due = try await store.due(at: clock.now(), limit: Self.batch, in: database)
            guard !due.isEmpty else { break }
            try await forEach(due, concurrency: Self.concurrency) { intent in
                do {
                    try await check(intent)
                } catch {
                    try Task.checkCancellation()
                    // One intent's trouble doesn't hold up the others; without a database this throws in its turn.
                    logger.error(
                        "intent can't be reconciled",
                        metadata: ["payment_id": "\(intent.id)", "error": "\(error)"])
                    try await postpone(intent)
                }
            }
        }
        for orphan in try await events.dueOrphans(at: clock.now(), limit: Self.batch, in: database) {
            do {
                try await adopt(orphan)
            } catch {
                try Task.checkCancellation()
                logger.error(
                    "webhook can't be adopted",
                    metadata: ["event_id": "\(orphan.eventID)", "error": "\(error)"])
                try await postpone(orphan)
            }
        }
    }

    private func check(_ intent: Intent) async throws {
        let hasExpired = intent.state == .pending && intent.expiresAt <= clock.now()
        guard let reference = intent.reference else {
            guard hasExpired else { return try await postpone(intent) }
            try await workflow.settle(intent.id, .failed(reason: "expired"))
            return
        }
        let signal: ChargeSignal?
        do {
            signal =
                hasExpired
                ? try await end(reference) : ChargeSignal(try await provider.lookup(reference))
        } catch {
            logger.warning(
                "charge can't be looked up",
                metadata: [
                    "payment_id": "\(intent.id)", "reference": "\(reference)",
                    "error": "\(error.logDescription)",
                ])
            return try await postpone(intent)
        }
        let settled = try await workflow.settle(intent.id, signal)
        if settled.state == intent.state {
            try await postpone(intent)
        } else if !hasExpired {
            logger.notice(
                "webhook was lost: state taken from the provider",
                metadata: [
                    "payment_id": "\(intent.id)", "state": "\(settled.state)",
                ])
        }
    }

    /// Only the provider can say that it will take no money any more; if it has, that counts.
    private func end(_ reference: String) async throws(ProviderError) -> ChargeSignal? {
        let ended = try await provider.end(reference, logger)
        return ended == .cancelled ? .failed(reason: "expired") : ended
    }

    /// Waits longer each time, but never past the moment at which the intent expires.
    private func postpone(_ intent: Intent) async throws {
        let now = clock.now()
        var next = now + Backoff.delay(attempt: intent.checks, base: after, cap: Self.maxDelay)
        if intent.state == .pending, intent.expiresAt > now { next = min(next, intent.expiresAt) }
        try await store.setNextCheck(intent.id, at: max(next, now + .seconds(1)), in: database)
    }

    private func adopt(_ orphan: OrphanedWebhook) async throws {
        if let intent = try await store.find(
            reference: orphan.reference, provider: orphan.provider, in: database)
        {
            // Rather than what the event said when it was new, what holds now.
            let signal: ChargeSignal?
            do {
                signal = ChargeSignal(try await provider.lookup(orphan.reference))
            } catch {
                return try await postpone(orphan)
            }
            try await workflow.settle(intent.id, signal)
            try await events.setOutcome(
                .applied, provider: orphan.provider, eventID: orphan.eventID, nextCheckAt: nil, in: database)
        } else {
            try await postpone(orphan)
        }
    }

    private func postpone(_ orphan: OrphanedWebhook) async throws {
        guard orphan.checks < Self.maxOrphanChecks else {
            logger.error(
                "webhook of an unknown charge",
                metadata: [
                    "provider": "\(orphan.provider)", "event_id": "\(orphan.eventID)",
                    "reference": "\(orphan.reference)",
                ])
            return try await events.setNextCheck(at: nil, of: orphan, in: database)
        }
        let wait = Backoff.delay(attempt: orphan.checks, base: after, cap: Self.maxDelay)
        try await events.setNextCheck(at: clock.now() + wait, of: orphan, in: database)
    }
}
