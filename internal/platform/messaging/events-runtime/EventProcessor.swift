import Logging
import SoukBroker
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukTime
import Tracing

/// Takes a message from its delivery to its settlement: handler, inbox, retries, dead letters.
final class EventProcessor: Sendable {
    let store: EventStore
    let gate = KeyGate()
    let clock: any WallClock
    let metrics: EventMetrics
    let logger = Logger(label: "souk.events")
    private let handlers: [String: EventHandler]
    private let options: EventRuntimeOptions
    private let failures = FailureTracker()

    init(
        store: EventStore, handlers: [EventHandler], clock: any WallClock, options: EventRuntimeOptions,
        metrics: EventMetrics
    ) {
        self.store = store
        self.handlers = Dictionary(handlers.map { ($0.type, $0) }, uniquingKeysWith: { first, _ in first })
        self.clock = clock
        self.options = options
        self.metrics = metrics
    }

    // MARK: - Deliveries

    /// Processes and settles deliveries that came together. What cannot be settled the broker delivers again.
    func process(_ deliveries: [Delivery]) async {
        let batch = EventBatch(deliveries, handlers: handlers, failures: failures)
        for delivery in await processTogether(batch.together) + batch.alone { await process(delivery) }
    }

    private func process(_ delivery: Delivery) async {
        await gate.withTurn(KeyGate.Key(topic: delivery.topic, key: delivery.message.key)) {
            await settle(delivery, await outcome(of: delivery))
        }
    }

    private func settle(_ delivery: Delivery, _ ending: Ending) async {
        do {
            switch ending {
            case .done: try await delivery.ack()
            case .again(let delay): try await delivery.nack(after: delay)
            case .abandon: break
            }
        } catch {
            logger.debug("settling \(delivery.topic) \(delivery.position): \(error)")
        }
    }

    private enum Ending {
        case done
        case again(after: Duration)
        /// The task is cancelled: the closing subscription gives the message back.
        case abandon
    }

    private func outcome(of delivery: Delivery) async -> Ending {
        let message = delivery.message
        let key = FailureTracker.Key(delivery)
        let envelope: EventEnvelope
        do {
            envelope = try EventEnvelope(headers: message.headers, payload: message.payload)
        } catch {
            return await writeOff(delivery, key, envelope: nil, error, failures.failed(key, at: clock.now()))
        }
        guard let handler = handlers[envelope.type], handler.topic == delivery.topic else {
            metrics.finished(.ignored, type: nil)
            return .done
        }
        do {
            let attempt = failures.attempts(key) + 1
            let outcome = try await run(handler, envelope, key: message.key, attempt: attempt) {
                store, now, transaction in
                try await store.recordInInbox(envelope.id, at: now, in: transaction)
            }
            failures.forget(key)
            metrics.finished(outcome, type: envelope.type)
            CrashPoint.hit(.consumerAfterHandler)
            return .done
        } catch {
            return await ending(of: error, delivery, key, envelope)
        }
    }

    private func ending(
        of error: any Error, _ delivery: Delivery, _ key: FailureTracker.Key, _ envelope: EventEnvelope
    ) async -> Ending {
        if Task.isCancelled { return .abandon }
        let failure = HandlerFailure(error)
        if case .outage = failure { return postpone(key, envelope.type, error) }
        let record = failures.failed(key, at: clock.now())
        guard case .retryable = failure, record.attempts < options.retry.maximumAttempts else {
            return await writeOff(delivery, key, envelope: envelope, error, record)
        }
        let delay = options.retry.delay(afterFailures: record.attempts)
        logger.warning(
            "event failed, attempt \(record.attempts): \(FailureDescription(error).text)",
            metadata: Self.metadata(envelope))
        metrics.finished(.retried, type: envelope.type)
        return .again(after: delay)
    }

    /// Keeps the message as a dead letter, and only then lets go of it.
    private func writeOff(
        _ delivery: Delivery, _ key: FailureTracker.Key, envelope: EventEnvelope?, _ error: any Error,
        _ record: EventStore.FailureRecord
    ) async -> Ending {
        let description = FailureDescription(error)
        do {
            try await store.writeOff(
                delivery.message, topic: delivery.topic, eventID: envelope?.id ?? key.messageID,
                type: envelope?.type,
                failure: description, record: record)
        } catch {
            if Task.isCancelled { return .abandon }
            return postpone(key, envelope?.type, error)
        }
        failures.forget(key)
        metrics.finished(.deadLettered, type: envelope?.type)
        logger.error(
            "event is a dead letter after \(record.attempts) attempts: \(description.text)",
            metadata: envelope.map(Self.metadata) ?? [
                "topic": "\(delivery.topic)", "message_id": "\(key.messageID)",
            ])
        return .done
    }

    private func postpone(_ key: FailureTracker.Key, _ type: String?, _ error: any Error) -> Ending {
        let outages = failures.postponed(key)
        logger.warning("event of type \(type ?? "unknown") waits for the database: \(error)")
        metrics.finished(.postponed, type: type)
        return .again(after: options.reconnect.delay(afterFailures: outages))
    }

    private static func metadata(_ envelope: EventEnvelope) -> Logger.Metadata {
        ["event_id": "\(envelope.id)", "event_type": "\(envelope.type)", "key": "\(envelope.subject)"]
    }

    // MARK: - Handlers

    /// Runs a handler in one transaction with the inbox, unless `record` says that the event was processed
    /// before.
    private func run(
        _ handler: EventHandler, _ envelope: EventEnvelope, key: String, attempt: Int,
        record: @Sendable (EventStore, Timestamp, any Transaction) async throws -> Bool
    ) async throws -> EventMetrics.Outcome {
        try await traced(envelope, handler) {
            try await store.database.transaction(isolation: handler.isolation) {
                [store, clock] transaction in
                try await store.takeTurn(topic: handler.topic, key: key, in: transaction)
                guard try await record(store, clock.now(), transaction) else { return .duplicate }
                try await handler.run(envelope, EventContext(envelope, attempt: attempt), transaction)
                CrashPoint.hit(.consumerBeforeCommit)
                return .handled
            }
        }
    }

    private func traced<R>(
        _ envelope: EventEnvelope, _ handler: EventHandler, _ body: () async throws -> R
    ) async throws -> R {
        try await withSpan(
            "process \(envelope.type)", context: options.trace.context(continuing: envelope.traceparent),
            ofKind: .consumer
        ) { span in
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.destination.name"] = handler.topic
            span.attributes["messaging.consumer.group.name"] = store.service
            span.attributes["messaging.message.id"] = envelope.id
            let start = ContinuousClock.now
            defer { metrics.handlerTime(ContinuousClock.now - start, type: envelope.type) }
            return try await body()
        }
    }

    // MARK: - Batches

    /// Handles events in one transaction, with the inbox. Those that are left when that failed; each is to be tried by
    /// itself, so that it is known which one it was.
    private func processTogether(_ members: [EventBatch.Member]) async -> [Delivery] {
        guard members.count > 1 else { return members.map(\.delivery) }
        let keys = members.map { KeyGate.Key(topic: $0.delivery.topic, key: $0.delivery.message.key) }
        return await gate.withTurns(keys) {
            do {
                let fresh = try await run(members, keys)
                for member in members {
                    let envelope = member.envelope
                    metrics.finished(fresh.contains(envelope.id) ? .handled : .duplicate, type: envelope.type)
                    CrashPoint.hit(.consumerAfterHandler)
                    await settle(member.delivery, .done)
                }
                return []
            } catch {
                if Task.isCancelled { return [] }
                guard case .outage = HandlerFailure(error) else {
                    logger.debug("\(members.count) events are handled one by one: \(error)")
                    return members.map(\.delivery)
                }
                for member in members {
                    let ending = postpone(FailureTracker.Key(member.delivery), member.envelope.type, error)
                    await settle(member.delivery, ending)
                }
                return []
            }
        }
    }

    /// The ids of those that the inbox didn't know.
    private func run(_ members: [EventBatch.Member], _ keys: [KeyGate.Key]) async throws -> Set<String> {
        try await store.database.transaction(isolation: .readCommitted) { [store, clock] transaction in
            try await store.takeTurns(keys, in: transaction)
            let fresh = try await store.recordInInbox(
                members.map(\.envelope.id), at: clock.now(), in: transaction)
            for member in members where fresh.contains(member.envelope.id) {
                let (envelope, handler) = (member.envelope, member.handler)
                try await traced(envelope, handler) {
                    try await handler.run(envelope, EventContext(envelope, attempt: 1), transaction)
                }
            }
            CrashPoint.hit(.consumerBeforeCommit)
            return fresh
        }
    }

    // MARK: - Redrives

    /// Processes a marked dead letter again: the same handler, event id and inbox, and in the same
    /// transaction it ceases to be one. True when it is gone; false when it failed again and stays, with one
    /// more attempt.
    ///
    /// - Throws: When the database is away; the dead letter is still marked.
    func redrive(id: String) async throws -> Bool {
        guard let letter = try await store.deadLetter(id: id), letter.status == .redriving else {
            return true
        }
        do {
            let envelope = try EventEnvelope(headers: letter.headers, payload: letter.payload)
            guard let handler = handlers[envelope.type], handler.topic == letter.topic else {
                throw ServiceError(
                    .notFound, code: "event.no_handler",
                    message: "Nothing handles events of type \(envelope.type).")
            }
            let outcome = try await run(handler, envelope, key: letter.key, attempt: letter.attempts + 1) {
                store, now, transaction in
                // Discarded or redriven meanwhile: then the inbox knows it.
                guard try await store.deleteDeadLetter(id: id, in: transaction) else { return false }
                return try await store.recordDeadLetterInInbox(letter.eventID, at: now, in: transaction)
            }
            metrics.finished(outcome, type: envelope.type)
            logger.info("dead letter was redriven", metadata: Self.metadata(envelope))
            return true
        } catch {
            if case .outage = HandlerFailure(error) { throw error }
            let description = FailureDescription(error)
            try await store.redriveFailed(id: id, failure: description, at: clock.now())
            logger.error(
                "dead letter failed again: \(description.text)",
                metadata: ["event_id": "\(letter.eventID)", "topic": "\(letter.topic)"])
            return false
        }
    }
}

extension EventContext {
    fileprivate init(_ envelope: EventEnvelope, attempt: Int) {
        self.init(
            eventID: envelope.id, time: envelope.time, attempt: attempt,
            call: .background("event-\(envelope.id)"))
    }
}
