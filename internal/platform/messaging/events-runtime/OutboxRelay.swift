import Logging
import ServiceLifecycle
import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukTime

/// Publishes what is in the outbox, in the order of its appending, and deletes what the broker has confirmed.
///
/// It is woken by commits, and looks by itself once in a while for what a former process left. Where
/// publishing fails it stops there and starts from the same event later, so no event of a key overtakes
/// another. A crash between the confirmation and the deletion publishes an event twice; the consumers'
/// inboxes know it. On PostgreSQL the relays of several processes share the outbox by its lanes, and commits of
/// any process wake them all.
final class OutboxRelay: Service, CustomStringConvertible {
    private let store: EventStore
    private let broker: any Broker
    private let clock: any WallClock
    private let options: EventRuntimeOptions
    private let metrics: EventMetrics
    private let appended: Wakeup
    private let stopping = Wakeup()
    private let isRunning: Flag
    /// Names this relay as the holder of its lanes.
    private let owner = RandomToken.make(bytes: 16)
    private let logger = Logger(label: "souk.events")

    init(
        store: EventStore, broker: any Broker, clock: any WallClock, options: EventRuntimeOptions,
        metrics: EventMetrics, appended: Wakeup, isRunning: Flag
    ) {
        self.store = store
        self.broker = broker
        self.clock = clock
        self.options = options
        self.metrics = metrics
        self.appended = appended
        self.isRunning = isRunning
    }

    var description: String { "outbox relay of \(store.service)" }

    /// - Throws: `ServiceError` `events.relay_running` when the runtime's relay is running already.
    func run() async throws {
        guard isRunning.acquire() else {
            throw ServiceError(
                .internalError, code: "events.relay_running", message: "The outbox is being relayed already.",
                detail: store.service)
        }
        defer { isRunning.release() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { listening in
                listening.addTask { [store, appended] in
                    // Ends at once where the database has no signals.
                    for await _ in store.database.signals(on: EventStore.outboxChannel) { appended.signal() }
                }
                await relay()
                listening.cancelAll()
            }
        } onCancelOrGracefulShutdown: { [stopping, appended] in
            stopping.finish()
            appended.signal()
        }
        if !Task.isCancelled { await flush() }
    }

    private func relay() async {
        var failures = 0
        var housekeeping = Housekeeping()
        while !stopping.isFinished {
            do {
                let published: Result<Void, any Error>
                do {
                    try await drain(until: { stopping.isFinished })
                    published = .success(())
                } catch {
                    published = .failure(error)
                }
                // The depth matters most while nothing can be published.
                try await housekeeping.run(store, metrics: metrics, now: clock.now(), options: options)
                try published.get()
                failures = 0
            } catch {
                failures += 1
                logger.warning("relaying the outbox of \(store.service), failure \(failures): \(error)")
                await stopping.wait(atMost: options.reconnect.delay(afterFailures: failures), clock)
                continue
            }
            if !stopping.isFinished { await appended.wait(atMost: options.pollInterval, clock) }
        }
    }

    /// Publishes what is there at a shutdown, as long as that takes, within limits.
    private func flush() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do {
                    try await self.drain(until: { Task.isCancelled })
                } catch {
                    self.logger.warning(
                        "the outbox of \(self.store.service) is not empty at shutdown: \(error)")
                }
            }
            // Throws when cancelled only, and then the flush is over.
            tasks.addTask { [clock, options] in try? await clock.sleep(for: options.flushTimeout) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    /// Publishes what there is.
    private func drain(until isOver: () -> Bool) async throws {
        switch store.database.dialect {
        case .sqlite:
            while !isOver() {
                let rows = try await store.outbox(limit: options.relayBatch)
                try await publish(rows)
                if rows.count < options.relayBatch { return }
            }
        case .postgres:
            var holdsLanes = false
            do {
                while !isOver() {
                    let lanes = try await store.claimLanes(by: owner, for: options.laneLease)
                    if lanes.isEmpty { break }
                    holdsLanes = true
                    let rows = try await store.outbox(lanes: lanes, limit: options.relayBatch)
                    try await publish(rows)
                    // Whatever was appended meanwhile has woken us again.
                    if rows.count < options.relayBatch, lanes.count < EventStore.lanesAtOnce { break }
                }
            } catch {
                // Another relay may fare better.
                await releaseLanes()
                throw error
            }
            if holdsLanes { await releaseLanes() }
        }
    }

    private func releaseLanes() async {
        // In a task of its own, waited for: a relay that was cancelled gives its lanes back, too.
        let outcome = await Task { [store, owner] in try await store.releaseLanes(of: owner) }.result
        if case .failure(let error) = outcome {
            logger.debug("lanes of \(store.service) wait for the end of their lease: \(error)")
        }
    }

    /// Publishes events, topic by topic, outside of any transaction, and deletes them.
    private func publish(_ rows: [EventStore.OutboxRow]) async throws {
        guard !rows.isEmpty else { return }
        CrashPoint.hit(.outboxAfterCommit)
        var topics: [String] = []
        var byTopic: [String: [EventStore.OutboxRow]] = [:]
        for row in rows {
            if byTopic[row.topic] == nil { topics.append(row.topic) }
            byTopic[row.topic, default: []].append(row)
        }
        for topic in topics {
            let rows = byTopic[topic] ?? []
            try await broker.publish(
                rows.map { row in
                    BrokerMessage(
                        id: row.envelope.id, key: row.envelope.subject, headers: row.envelope.headers(),
                        payload: row.envelope.data)
                }, to: topic)
            CrashPoint.hit(.relayAfterPublish)
            try await store.deleteFromOutbox(rows.map(\.id))
            metrics.published(rows.count, topic: topic)
        }
    }
}

/// What is to be done now and then: the depth once a second at most, old inbox rows once an hour.
private struct Housekeeping {
    private static let depthEvery: Duration = .seconds(1)
    private static let purgeEvery: Duration = .seconds(3_600)
    private static let purgeBatch = 1_000

    private var depthDue = Timestamp.min
    private var purgeDue = Timestamp.min

    mutating func run(
        _ store: EventStore, metrics: EventMetrics, now: Timestamp, options: EventRuntimeOptions
    ) async throws {
        if depthDue <= now {
            metrics.depth(try await store.outboxDepth())
            depthDue = now + Self.depthEvery
        }
        if purgeDue <= now {
            let deleted = try await store.purgeInbox(
                before: now - options.inboxRetention, limit: Self.purgeBatch)
            // In pieces, so that the service's own writes get their turn between them.
            purgeDue = deleted < Self.purgeBatch ? now + Self.purgeEvery : now
        }
    }
}
