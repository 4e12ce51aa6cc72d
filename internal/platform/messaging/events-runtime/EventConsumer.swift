import Logging
import ServiceLifecycle
import SoukBroker
import SoukDatabase
import SoukTime

/// A service's member in its consumer group: receives, and runs up to as many transactions at once as the options
/// say, each with one event, or with several where a backlog waits.
///
/// The broker's prefetch bounds what is held here. Stopping ends the receiving; what was received is processed before
/// ``run()`` returns.
final class EventConsumer: Service, TopicReader, CustomStringConvertible {
    private let processor: EventProcessor
    package let topics: [String]
    private let broker: any Broker
    private let clock: any WallClock
    private let options: EventRuntimeOptions
    private let redrives: Wakeup
    private let stopping = Wakeup()
    private let logger = Logger(label: "souk.events")

    init(
        processor: EventProcessor, topics: [String], broker: any Broker, clock: any WallClock,
        options: EventRuntimeOptions, redrives: Wakeup
    ) {
        self.processor = processor
        self.topics = topics
        self.broker = broker
        self.clock = clock
        self.options = options
        self.redrives = redrives
    }

    private var group: String { processor.store.service }

    var description: String { "event consumer of \(group)" }

    func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { listening in
                listening.addTask { [processor, redrives] in
                    // From whatever process; ends at once where the database has no signals.
                    for await _ in processor.store.database.signals(on: EventStore.redriveChannel) {
                        redrives.signal()
                    }
                }
                await withDiscardingTaskGroup { tasks in
                    tasks.addTask { await self.redrive() }
                    await consume()
                }
                listening.cancelAll()
            }
        } onCancelOrGracefulShutdown: { [stopping, redrives] in
            stopping.finish()
            redrives.signal()
        }
    }

    // MARK: - Consuming

    /// Subscribes, and subscribes again after the broker was away.
    private func consume() async {
        var failures = 0
        while !stopping.isFinished {
            do {
                let subscription = try await broker.subscribe(
                    to: topics, group: group,
                    options: SubscriptionOptions(prefetch: options.concurrency * options.batch))
                failures = 0
                await consume(subscription)
                await subscription.close()
            } catch {
                logger.warning("subscribing \(group) to \(topics.joined(separator: ", ")): \(error)")
            }
            if stopping.isFinished { return }
            failures += 1
            await stopping.wait(atMost: options.reconnect.delay(afterFailures: failures), clock)
        }
    }

    /// Processes what comes until the subscription ends or the service stops.
    private func consume(_ subscription: any BrokerSubscription) async {
        let queue = DeliveryQueue(workers: options.concurrency, most: options.batch)
        await withDiscardingTaskGroup { tasks in
            tasks.addTask {
                // Only the waiting is cancelled by a shutdown, not the handlers.
                await cancelWhenGracefulShutdown { await self.receive(from: subscription, into: queue) }
                queue.finish()
            }
            for _ in 0..<options.concurrency {
                tasks.addTask {
                    while let deliveries = await queue.next() { await self.processor.process(deliveries) }
                }
            }
        }
    }

    private func receive(
        from subscription: any BrokerSubscription, into queue: DeliveryQueue
    ) async {
        var failures = 0
        while !Task.isCancelled {
            do {
                guard let delivery = try await subscription.next() else { return }
                failures = 0
                queue.add(delivery)
            } catch {
                failures += 1
                logger.warning("receiving for \(group), failure \(failures): \(error)")
                // Throws when cancelled only, which ends the loop.
                try? await clock.sleep(for: options.reconnect.delay(afterFailures: failures))
            }
        }
    }

    // MARK: - Redriving

    private static let redriveBatch = 100

    /// Processes marked dead letters again, woken by the command and now and then by itself.
    private func redrive() async {
        var failures = 0
        while !stopping.isFinished {
            do {
                while !stopping.isFinished, try await redriveBatch() {}
                failures = 0
            } catch {
                failures += 1
                logger.warning("redriving dead letters of \(group), failure \(failures): \(error)")
                await stopping.wait(atMost: options.reconnect.delay(afterFailures: failures), clock)
                continue
            }
            if !stopping.isFinished { await redrives.wait(atMost: options.pollInterval, clock) }
        }
    }

    /// Oldest first. Where one fails again the others of its key are left alone: they may build on it. False
    /// when nothing is left to do.
    private func redriveBatch() async throws -> Bool {
        let letters = try await processor.store.toRedrive(limit: Self.redriveBatch)
        var failed: Set<KeyGate.Key> = []
        for letter in letters {
            if stopping.isFinished { return false }
            let key = KeyGate.Key(topic: letter.topic, key: letter.key)
            if failed.contains(key) {
                try await processor.store.unmarkForRedrive(id: letter.id)
                continue
            }
            let isGone = try await processor.gate.withTurn(key) { try await processor.redrive(id: letter.id) }
            if !isGone, !letter.key.isEmpty { failed.insert(key) }
        }
        return letters.count == Self.redriveBatch
    }
}
