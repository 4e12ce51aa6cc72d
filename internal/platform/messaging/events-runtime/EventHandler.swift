package import SoukCallContext
package import SoukCloudEvents
package import SoukDatabase
package import SoukTime

/// What a service does about one type of event.
package struct EventHandler: Sendable {
    /// The CloudEvents `type`.
    package let type: String
    package let topic: String
    /// Of the transaction that the body runs in.
    package let isolation: Isolation
    /// Whether that transaction may be another event's, too.
    let sharesTransaction: Bool
    let run: @Sendable (EventEnvelope, EventContext, any Transaction) async throws -> Void

    /// Handles a type. The body runs inside the transaction that records the event as processed: what it
    /// writes through that transaction happens once, however often the event comes. It must not call other
    /// services or any other database: it writes a row, and a job does the rest. Events of one key come one
    /// at a time, in order.
    ///
    /// Where writers run side by side, processes of one group handle events of different keys at once, and the body
    /// may run again in a new transaction; it must change nothing outside of the database.
    ///
    /// A thrown `SoukError` whose kind is not retryable makes the event a dead letter at once; any other
    /// error is retried first.
    ///
    /// - Parameters:
    ///   - isolation: `.readCommitted` for a body that locks what it changes, or only adds rows.
    ///   - sharesTransaction: For a body that changes nothing but what belongs to its own event's key, so that it gets in no
    ///     other's way: where a backlog waits, events of several keys are handled in one transaction, which costs the
    ///     database a fraction. If one of them fails each is handled by itself.
    package static func on<E: Event>(
        _ type: E.Type, isolation: Isolation = .serializable, sharesTransaction: Bool = false,
        _ body: @escaping @Sendable (E, EventContext, any Transaction) async throws -> Void
    ) -> EventHandler {
        EventHandler(
            type: E.type, topic: E.topic, isolation: isolation, sharesTransaction: sharesTransaction
        ) { envelope, context, transaction in
            try await body(try envelope.decode(E.self), context, transaction)
        }
    }
}

/// What a handler may know about the event besides its content.
package struct EventContext: Sendable {
    /// The CloudEvents `id`: the same for every delivery and every redrive.
    package let eventID: String
    /// When it happened.
    package let time: Timestamp
    /// 1 for the first time; counts again from 1 after a restart of the process.
    package let attempt: Int
    /// The request id names the event; nobody waits, so there is no deadline. The trace is the publisher's.
    package let call: CallContext
}
