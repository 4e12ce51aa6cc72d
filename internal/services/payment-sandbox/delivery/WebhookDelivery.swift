import Logging
import Metrics
import ServiceLifecycle
import SoukDatabase
import SoukEnv
import SoukPayment
import SoukService
import SoukTime

/// Delivers queued webhooks, each at least once and in order per charge, until the receiver takes them or three days
/// have passed.
struct WebhookDelivery: Sendable {
    private static let batch = 32
    private static let concurrency = 8
    private static let giveUpAfter: Duration = .seconds(3 * 86_400)

    let database: any Database
    let queue: WebhookQueue
    let transport: any WebhookTransport
    let url: @Sendable () -> String
    let secrets: [Secret<String>]
    let duplicateProbability: Double
    let clock: any WallClock
    let logger: Logger

    /// Delivers all that is due.
    ///
    /// - Throws: `DatabaseError`; `CancellationError`. What the receiver answers never throws.
    func run() async throws {
        while true {
            try Task.checkCancellation()
            let due = try await queue.due(at: clock.now(), limit: Self.batch, in: database)
            guard !due.isEmpty else { return }
            try await forEach(due, concurrency: Self.concurrency) { try await deliver($0) }
        }
    }

    private func deliver(_ webhook: QueuedWebhook) async throws {
        let failure = await post(webhook)
        guard let failure else {
            if Double.random(in: 0..<1) < duplicateProbability { _ = await post(webhook) }
            Counter(label: "souk_sandbox_webhooks_total", dimensions: [("outcome", "delivered")]).increment()
            return try await queue.setDelivered(webhook, now: clock.now(), in: database)
        }
        try Task.checkCancellation()
        let now = clock.now()
        guard now - webhook.createdAt < Self.giveUpAfter else {
            Counter(label: "souk_sandbox_webhooks_total", dimensions: [("outcome", "abandoned")]).increment()
            logger.error(
                "webhook abandoned",
                metadata: [
                    "event_id": "\(webhook.eventID)", "attempts": "\(webhook.attempts + 1)",
                    "error": "\(failure)",
                ])
            return try await queue.setAbandoned(webhook, error: failure, now: now, in: database)
        }
        Counter(label: "souk_sandbox_webhooks_total", dimensions: [("outcome", "failed")]).increment()
        logger.warning(
            "webhook not delivered",
            metadata: [
                "event_id": "\(webhook.eventID)", "attempt": "\(webhook.attempts + 1)", "error": "\(failure)",
            ])
        let wait = Backoff.delay(attempt: webhook.attempts, base: .seconds(1), cap: .seconds(3_600))
        try await queue.postpone(webhook, until: now + wait, error: failure, in: database)
    }

    /// - Returns: what went wrong; nil when the receiver took it.
    private func post(_ webhook: QueuedWebhook) async -> String? {
        let body = Array(webhook.body.utf8)
        let headers = [
            ("Content-Type", "application/json"), ("User-Agent", "souk-sandbox"),
            (
                WebhookSignature.headerName,
                WebhookSignature.header(for: body, at: clock.now(), secrets: secrets)
            ),
        ]
        do {
            let status = try await transport.post(body, to: url(), headers: headers)
            return (200..<300).contains(status) ? nil : "status \(status)"
        } catch {
            return "\(error)"
        }
    }
}

/// The delivery as a service: when it ends, its connections are closed.
struct WebhookDeliveryService: Service, CustomStringConvertible {
    let job: PeriodicJob
    let transport: any WebhookTransport

    func run() async throws {
        do {
            try await job.run()
        } catch {
            await transport.close()
            throw error
        }
        await transport.close()
    }

    var description: String { job.description }
}
