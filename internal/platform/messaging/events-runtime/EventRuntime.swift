package import ServiceLifecycle
package import SoukBroker
package import SoukDatabase
package import SoukTime

/// A service's events: what it publishes, through its outbox, and what it consumes, through its inbox.
///
/// Its tables are in the service's own database (``migrations``, set `events`). An event published by one
/// service and consumed by another passes: business transaction + outbox row → relay → broker → handler
/// transaction + inbox row → acknowledgement. A crash between any two of them repeats a step, and the inbox
/// makes the repetition have no effect.
package final class EventRuntime: Sendable {
    /// Outbox, inbox and dead letters. To be applied as the set `events` before ``services(handlers:)`` run.
    package static var migrations: [Migration] { EventStore.migrations }

    package let outbox: Outbox
    package let administration: any EventAdministration

    private let store: EventStore
    private let broker: any Broker
    private let clock: any WallClock
    private let options: EventRuntimeOptions
    private let redrives = Wakeup()
    private let relayIsRunning = Flag()

    /// - Parameters:
    ///   - service: Names the source of its events and its consumer group.
    ///   - database: The service's own. Several processes may run the relay and the consumer of one database on
    ///     PostgreSQL.
    package init(
        service: String, database: any Database, broker: any Broker, clock: any WallClock,
        options: EventRuntimeOptions = .init()
    ) {
        store = EventStore(service: service, database: database)
        self.broker = broker
        self.clock = clock
        self.options = options
        outbox = Outbox(store: store, clock: clock, appended: Wakeup(), trace: options.trace)
        administration = LocalEventAdministration(
            store: store, broker: broker, clock: clock, redrives: redrives)
    }

    /// What has to run: the relay, and with handlers one consumer for the topics of them all. In a
    /// `ServiceGroup` they stop gracefully, the consumer first: running handlers finish, then the outbox is
    /// flushed.
    ///
    /// - Parameter handlers: Several of one type run one after the other, in one transaction. Events of other types
    ///   on their topics are acknowledged unread.
    package func services(handlers: [EventHandler]) -> [any Service] {
        let handlers = EventHandler.merged(handlers)
        let metrics = EventMetrics(service: store.service)
        let relay = OutboxRelay(
            store: store, broker: broker, clock: clock, options: options, metrics: metrics,
            appended: outbox.appended, isRunning: relayIsRunning)
        guard !handlers.isEmpty else { return [relay] }
        let processor = EventProcessor(
            store: store, handlers: handlers, clock: clock, options: options, metrics: metrics)
        let consumer = EventConsumer(
            processor: processor, topics: Set(handlers.map(\.topic)).sorted(), broker: broker, clock: clock,
            options: options, redrives: redrives)
        return [relay, consumer]
    }
}

/// Something that reads topics while it runs: the consumer of an ``EventRuntime``.
package protocol TopicReader: Service {
    /// Sorted.
    var topics: [String] { get }
}
