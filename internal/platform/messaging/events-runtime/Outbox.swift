package import SoukCloudEvents
package import SoukDatabase
import SoukErrors
import SoukIDs
import SoukTime

/// Where a service writes its events: into its own database, in the transaction that makes them true.
package struct Outbox: Sendable {
    /// The largest event: its JSON together with its key. Refused here, because a message that the broker
    /// refuses would hold up all events after it.
    package static let maximumBytes = 512 * 1_024

    let store: EventStore
    let clock: any WallClock
    let appended: Wakeup
    let trace: TracePropagation

    /// Appends an event; it is published soon after the transaction commits, after those of its key that were
    /// appended before, and never if the transaction is rolled back. The trace of the running task goes
    /// along.
    ///
    /// - Throws: `EnvelopeError` when the event cannot be written; `ServiceError` `event.too_large`;
    ///   `DatabaseError`.
    package func append<E: Event>(_ event: E, in transaction: any Transaction) async throws {
        let envelope = try EventEnvelope(
            event, id: EventID().description, source: "/souk/\(store.service)", time: clock.now(),
            traceparent: trace.traceparent)
        guard envelope.data.count + envelope.subject.utf8.count <= Self.maximumBytes else {
            throw ServiceError(
                .internalError, code: "event.too_large", message: "The event is too large.",
                detail: "\(E.type): \(envelope.data.count) bytes")
        }
        try await store.append(envelope, topic: E.topic, in: transaction)
        transaction.afterCommit { [appended] in appended.signal() }
        CrashPoint.hit(.outboxBeforeCommit)
    }
}
