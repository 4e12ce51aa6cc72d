import HTTPTypes
import Logging
import SoukDatabase
import SoukTime

/// What a webhook's sender is told.
enum WebhookReceipt: Sendable, Hashable {
    case duplicate
    case processed(WebhookOutcome)

    var name: String {
        switch self {
        case .duplicate: "duplicate"
        case .processed(let outcome): outcome.rawValue
        }
    }
}

/// Takes in a provider's webhooks: proves them, remembers them by their id, and applies each one once.
struct WebhookReceiver: Sendable {
    /// Until the reconciler first looks at an event whose charge was unknown.
    private static let orphanDelay: Duration = .seconds(30)

    let database: any Database
    let intents: IntentStore
    let events: WebhookStore
    let updates: ChargeUpdates
    let provider: any PaymentProvider
    let clock: any WallClock
    let logger: Logger

    /// - Throws: `WebhookError` when it isn't proven; `DatabaseError`, and then nothing was remembered and the sender
    ///   must deliver it again.
    func receive(headers: HTTPFields, rawBody: [UInt8]) async throws -> WebhookReceipt {
        let event: ProviderEvent
        do {
            event = try provider.verifyWebhook(headers: headers, rawBody: rawBody, now: clock.now())
        } catch {
            PaymentMetrics.webhook(error.code)
            throw error
        }
        let receipt = try await database.transaction(isolation: .readCommitted) {
            try await record(event, in: $0)
        }
        PaymentMetrics.webhook(receipt.name)
        switch receipt {
        case .processed(.orphan), .processed(.mismatch):
            logger.warning(
                "webhook set aside",
                metadata: [
                    "event_id": "\(event.id)", "type": "\(event.type)", "reference": "\(event.reference)",
                    "outcome": "\(receipt.name)",
                ])
        case .duplicate, .processed:
            break
        }
        return receipt
    }

    /// Forgets events that were received before `moment`, but for those whose charge is still looked for.
    func purge(receivedBefore moment: Timestamp) async throws {
        try await events.purge(receivedBefore: moment, in: database)
    }

    private func record(_ event: ProviderEvent, in tx: any Transaction) async throws -> WebhookReceipt {
        let now = clock.now()
        guard try await events.insert(event, provider: provider.name, now: now, in: tx) else {
            return .duplicate
        }
        let outcome = try await apply(event, in: tx)
        try await events.setOutcome(
            outcome, provider: provider.name, eventID: event.id,
            nextCheckAt: outcome == .orphan ? now + Self.orphanDelay : nil, in: tx)
        return .processed(outcome)
    }

    private func apply(_ event: ProviderEvent, in tx: any Transaction) async throws -> WebhookOutcome {
        guard let signal = ChargeSignal(event) else { return .ignored }
        if let intent = try await intents.find(
            reference: event.reference, provider: provider.name, locked: true, in: tx)
        {
            return try await updates.apply(signal, to: intent, in: tx)
        }
        // The provider may be faster than our note of its reference; it was told whose charge this is.
        if let paymentID = event.paymentID,
            let intent = try await intents.find(paymentID, locked: true, in: tx),
            intent.reference == nil, intent.provider == provider.name
        {
            try await intents.setReference(event.reference, of: intent.id, now: clock.now(), in: tx)
            return try await updates.apply(signal, to: intent, in: tx)
        }
        return .orphan
    }
}
