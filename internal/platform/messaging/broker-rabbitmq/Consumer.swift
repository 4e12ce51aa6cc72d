import Logging
import SoukBroker
import Synchronization

/// The thread that reads for a group's subscriptions of a client: one connection, and one channel for each queue.
final class ConsumerWork: ConnectionWork {
    enum Command: Sendable {
        case join(RabbitMQSubscription, Outcome<Void>)
        case leave(RabbitMQSubscription, Outcome<Void>)
        case acknowledge(DispatchState.Acknowledgement)
        /// Some subscription has something to do then.
        case wake(ContinuousClock.Instant)
        case lag(group: String, topics: [String], Outcome<[String: Int]>)
    }

    /// A queue that is being read.
    private struct Lane {
        let id: DispatchState.LaneID
        let channel: UInt16
        let topic: String
        let subscription: RabbitMQSubscription
        var acks = AckBatch()
    }

    private static let ackDelay: Duration = .milliseconds(5)
    private static let errands: UInt16 = 1
    private static let lastChannel: UInt16 = 2_000

    private let options: RabbitMQOptions
    private let topology: Topology
    private let logger: Logger
    private var subscriptions: [Int: RabbitMQSubscription] = [:]
    private var lanesByChannel: [UInt16: Lane] = [:]
    private var channelsByLane: [DispatchState.LaneID: UInt16] = [:]
    /// Channels with acknowledgements that wait to be sent.
    private var unsent: Set<UInt16> = []
    private var lastLane = 0
    private var lastChannel = ConsumerWork.errands
    /// Members whose queues could not all be read, and when to try again.
    private var broken: [Int: ContinuousClock.Instant] = [:]
    private(set) var nextWake: ContinuousClock.Instant?

    init(_ options: RabbitMQOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        topology = Topology(options)
    }

    // MARK: - The connection

    func connected(_ connection: AMQPConnection) throws(AMQPFailure) {
        lastChannel = Self.errands
        broken = [:]
        for subscription in subscriptions.values { try resume(subscription, on: connection) }
    }

    func disconnected(_ failure: AMQPFailure) {
        for lane in lanesByChannel.values { lane.subscription.drop(lane.id) }
        lanesByChannel = [:]
        channelsByLane = [:]
        unsent = []
    }

    func stopped(on connection: AMQPConnection?) {
        if let connection {
            for channel in lanesByChannel.keys {
                // If it fails the connection is gone, and the messages come again.
                try? sendAcks(of: channel, on: connection)
            }
        }
        for subscription in subscriptions.values { subscription.finish() }
        subscriptions = [:]
    }

    func received(_ event: AMQPEvent, on connection: AMQPConnection) throws(AMQPFailure) {
        switch event {
        case .delivered(let channel, let tag, let received):
            guard let lane = lanesByChannel[channel] else { return }
            lane.subscription.arrived(
                DispatchState.Entry(
                    lane: lane.id, tag: tag, topic: lane.topic, message: received.message,
                    position: received.position, deliveries: received.returns))
        case .readerEnded(let channel):
            try lost(channel, "the queue is gone", isOpen: true, on: connection)
        case .channelClosed(let channel, let reason):
            try lost(channel, reason, isOpen: false, on: connection)
        case .confirmed, .refused, .blocked, .unblocked:
            break
        }
    }

    /// A queue is not being read any more: the whole member begins anew, which declares what is missing.
    private func lost(
        _ channel: UInt16, _ reason: String, isOpen: Bool, on connection: AMQPConnection
    ) throws(AMQPFailure) {
        guard let lane = lanesByChannel[channel] else { return }
        logger.warning("reading \(lane.topic) for \(lane.subscription.group) ended: \(reason)")
        if !isOpen { forget(lane) }
        try release(lane.subscription, on: connection)
        retry(lane.subscription)
    }

    // MARK: - Commands

    func perform(_ command: Command, on connection: AMQPConnection?) throws(AMQPFailure) {
        switch command {
        case .join(let subscription, let outcome):
            try join(subscription, outcome, on: connection)
        case .leave(let subscription, let outcome):
            subscriptions[subscription.id] = nil
            broken[subscription.id] = nil
            // If it fails the connection is lost, and with it what the member held.
            defer { outcome.resolve(.success(())) }
            if let connection { try release(subscription, on: connection) }
        case .acknowledge(let acknowledgement):
            guard let channel = channelsByLane[acknowledgement.lane] else { return }
            lanesByChannel[channel]?.acks.insert(acknowledgement.tag)
            if unsent.insert(channel).inserted { wake(at: .now + Self.ackDelay) }
        case .wake(let due):
            wake(at: due)
        case .lag(let group, let topics, let outcome):
            guard let connection else {
                return outcome.resolve(.failure(BrokerError(.unavailable, detail: "not connected")))
            }
            try lag(group, topics, outcome, on: connection)
        }
    }

    func wake(on connection: AMQPConnection?) throws(AMQPFailure) {
        let now = ContinuousClock.now
        nextWake = subscriptions.values.compactMap { $0.promote(now: now) }.min()
        guard let connection else { return }
        for channel in unsent { try sendAcks(of: channel, on: connection) }
        unsent = []
        for (id, due) in broken where due <= now {
            broken[id] = nil
            if let subscription = subscriptions[id] { try resume(subscription, on: connection) }
        }
        if let due = broken.values.min() { wake(at: due) }
    }

    private func wake(at due: ContinuousClock.Instant) {
        nextWake = min(due, nextWake ?? due)
    }

    private func sendAcks(of channel: UInt16, on connection: AMQPConnection) throws(AMQPFailure) {
        guard let frames = lanesByChannel[channel]?.acks.take() else { return }
        for frame in frames { try connection.acknowledge(frame, channel: channel) }
    }

    private func join(
        _ subscription: RabbitMQSubscription, _ outcome: Outcome<Void>, on connection: AMQPConnection?
    ) throws(AMQPFailure) {
        guard !outcome.isResolved else { return }
        guard let connection else {
            return outcome.resolve(.failure(BrokerError(.unavailable, detail: "not connected")))
        }
        do throws(AMQPFailure) {
            try read(subscription, on: connection)
            subscriptions[subscription.id] = subscription
            outcome.resolve(.success(()))
        } catch {
            outcome.resolve(.failure(BrokerError(.unavailable, detail: error.detail)))
            guard case .channel = error.scope else { throw error }
            try release(subscription, on: connection)
        }
    }

    private func lag(
        _ group: String, _ topics: [String], _ outcome: Outcome<[String: Int]>, on connection: AMQPConnection
    ) throws(AMQPFailure) {
        do throws(AMQPFailure) {
            var lag: [String: Int] = [:]
            try errand(on: connection) { channel throws(AMQPFailure) in
                for topic in topics {
                    lag[topic] = 0
                    for partition in 0..<topology.partitions {
                        let queue = topology.queue(group: group, topic: topic, partition: partition)
                        lag[topic, default: 0] += try connection.readyMessages(in: queue, channel: channel)
                    }
                }
                let dead = topology.deadQueue(group: group)
                let count = try connection.readyMessages(in: dead, channel: channel)
                if count > 0 { lag[dead] = count }
            }
            // What the server has sent and has not arrived is neither there nor here: let it come.
            for lane in lanesByChannel.values where lane.subscription.group == group {
                try connection.limit(to: options.window, channel: lane.channel)
            }
            while let event = try connection.receive() { try received(event, on: connection) }
            for subscription in subscriptions.values where subscription.group == group {
                for (topic, count) in subscription.held { lag[topic, default: 0] += count }
            }
            outcome.resolve(.success(lag))
        } catch {
            outcome.resolve(.failure(BrokerError(.unavailable, detail: error.detail)))
            guard case .channel = error.scope else { throw error }
        }
    }

    /// Runs the body with a channel of its own, which an error may close.
    private func errand(
        on connection: AMQPConnection, _ body: (UInt16) throws(AMQPFailure) -> Void
    ) throws(AMQPFailure) {
        try connection.openChannel(Self.errands)
        try body(Self.errands)
        try connection.closeChannel(Self.errands)
    }

    // MARK: - Reading

    /// Reads all queues of a member again; where the server refuses, later.
    private func resume(
        _ subscription: RabbitMQSubscription, on connection: AMQPConnection
    ) throws(AMQPFailure) {
        do throws(AMQPFailure) {
            try read(subscription, on: connection)
        } catch {
            guard case .channel = error.scope else { throw error }
            logger.warning("resuming \(subscription.group): \(error.detail)")
            try release(subscription, on: connection)
            retry(subscription)
        }
    }

    private func retry(_ subscription: RabbitMQSubscription) {
        let due = ContinuousClock.now + options.maximumReconnectDelay / 5
        broken[subscription.id] = due
        wake(at: due)
    }

    /// Declares the member's queues, and reads each through a channel of its own.
    private func read(
        _ subscription: RabbitMQSubscription, on connection: AMQPConnection
    ) throws(AMQPFailure) {
        try errand(on: connection) { channel throws(AMQPFailure) in
            for topic in subscription.topics {
                try topology.declare(
                    group: subscription.group, topic: topic, on: connection, channel: channel)
            }
        }
        for topic in subscription.topics {
            for partition in 0..<topology.partitions {
                let channel = try freeChannel()
                lastLane += 1
                let lane = Lane(
                    id: DispatchState.LaneID(number: lastLane), channel: channel, topic: topic,
                    subscription: subscription)
                try connection.openChannel(channel)
                lanesByChannel[channel] = lane
                channelsByLane[lane.id] = channel
                do {
                    try connection.limit(to: options.window, channel: channel)
                    try connection.consume(
                        topology.queue(group: subscription.group, topic: topic, partition: partition),
                        channel: channel)
                } catch {
                    // The server has closed the channel.
                    forget(lane)
                    throw error
                }
            }
        }
    }

    /// Closes the member's channels: the server gives what they held to the next member.
    private func release(
        _ subscription: RabbitMQSubscription, on connection: AMQPConnection
    ) throws(AMQPFailure) {
        for lane in lanesByChannel.values.filter({ $0.subscription === subscription }) {
            try sendAcks(of: lane.channel, on: connection)
            forget(lane)
            try connection.closeChannel(lane.channel)
        }
    }

    private func forget(_ lane: Lane) {
        lanesByChannel[lane.channel] = nil
        channelsByLane[lane.id] = nil
        lane.subscription.drop(lane.id)
    }

    /// By turns, so that what is still on its way to a closed channel finds no new one with its number.
    private func freeChannel() throws(AMQPFailure) -> UInt16 {
        for _ in Self.errands..<Self.lastChannel {
            lastChannel = lastChannel >= Self.lastChannel ? Self.errands + 1 : lastChannel + 1
            if lanesByChannel[lastChannel] == nil { return lastChannel }
        }
        throw AMQPFailure(.channel(0, code: 0), "all channels of the connection are in use")
    }
}
