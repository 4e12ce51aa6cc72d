import Foundation
import Logging
import SoukBroker
import Synchronization

/// Publishes on a connection of its own, so that a server that has stopped reading publishers (an alarm) still
/// takes acknowledgements. Calls are pipelined: each is sent as it comes and answered when the last of its messages
/// is confirmed.
final class Publisher: Sendable {
    private struct Pending {
        var messages = 0
        var bytes = 0
    }

    private let options: RabbitMQOptions
    private let loop: ConnectionLoop<PublisherWork>
    private let pending = Mutex(Pending())

    init(_ options: RabbitMQOptions, logger: Logger) {
        self.options = options
        loop = ConnectionLoop(options, name: "souk-rabbitmq-publisher", logger: logger) {
            PublisherWork(options, logger: logger)
        }
    }

    /// - Parameter bytes: What the messages weigh.
    func publish(_ messages: [BrokerMessage], bytes: Int, to topic: String) async throws(BrokerError) {
        try enter(messages.count, bytes)
        defer {
            pending.withLock {
                $0.messages -= messages.count
                $0.bytes -= bytes
            }
        }
        let request = PublishRequest(topic: topic, messages: messages)
        guard loop.post(request) else { throw BrokerError(.closed) }
        try await request.outcome.value(within: options.requestTimeout, "publishing to \(topic)") { [loop] in
            loop.interrupt()
        }
    }

    /// A single call may be larger than the limits when nothing else is pending.
    private func enter(_ messages: Int, _ bytes: Int) throws(BrokerError) {
        let fits = pending.withLock { pending in
            guard
                pending.messages == 0
                    || pending.messages + messages <= options.maximumPendingMessages
                        && pending.bytes + bytes <= options.maximumPendingBytes
            else { return false }
            pending.messages += messages
            pending.bytes += bytes
            return true
        }
        guard fits else {
            throw BrokerError(.unavailable, detail: "too many messages wait to be confirmed")
        }
    }

    func close() async {
        await loop.stop()
    }
}

/// One call of `publish`.
final class PublishRequest: Sendable {
    let topic: String
    let messages: [BrokerMessage]
    let outcome = Outcome<Void>()

    init(topic: String, messages: [BrokerMessage]) {
        self.topic = topic
        self.messages = messages
    }
}

/// The publisher's side of its thread.
final class PublisherWork: ConnectionWork {
    private static let channel: UInt16 = 1
    /// Messages sent and not confirmed; a call is begun only below it, and then sent whole.
    private static let inFlightLimit = 2_048

    /// A call that was sent; confirms come in any order, and each counts down.
    private final class Sent {
        let request: PublishRequest
        let start: ContinuousClock.Instant = .now
        var remaining: Int

        init(_ request: PublishRequest) {
            self.request = request
            remaining = request.messages.count
        }
    }

    private let options: RabbitMQOptions
    private let topology: Topology
    private let logger: Logger
    private var waiting: [PublishRequest] = []
    private var sent: [UInt64: Sent] = [:]
    private var firstUnconfirmed: UInt64 = 1
    private var nextNumber: UInt64 = 1
    private var isBlocked = false
    private var lastPosition: Int64 = 0
    private var keyless = 0

    init(_ options: RabbitMQOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        topology = Topology(options)
    }

    var nextWake: ContinuousClock.Instant? { nil }
    func wake(on connection: AMQPConnection?) {}

    func connected(_ connection: AMQPConnection) throws(AMQPFailure) {
        try connection.openChannel(Self.channel)
        try connection.declareExchange(topology.exchange, channel: Self.channel)
        for (group, topics) in options.groups {
            for topic in topics {
                try topology.declare(group: group, topic: topic, on: connection, channel: Self.channel)
            }
        }
        try connection.selectConfirms(channel: Self.channel)
        (firstUnconfirmed, nextNumber) = (1, 1)
        isBlocked = false
        try send(on: connection)
    }

    func perform(_ request: PublishRequest, on connection: AMQPConnection?) throws(AMQPFailure) {
        waiting.append(request)
        if let connection, !isBlocked {
            try send(on: connection)
        } else {
            waiting.removeAll { $0.outcome.isResolved }
        }
    }

    func received(_ event: AMQPEvent, on connection: AMQPConnection) throws(AMQPFailure) {
        switch event {
        case .confirmed(let tag, let multiple):
            settle(upTo: tag, multiple: multiple) { request, remaining in
                if remaining == 0 { request.outcome.resolve(.success(())) }
            }
            try send(on: connection)
        case .refused(let tag, let multiple):
            settle(upTo: tag, multiple: multiple) { request, _ in
                request.outcome.resolve(
                    .failure(BrokerError(.unavailable, detail: "the server refused a message")))
            }
            try send(on: connection)
        case .blocked(let reason):
            logger.warning("the RabbitMQ server takes no messages: \(reason)")
            isBlocked = true
        case .unblocked:
            logger.info("the RabbitMQ server takes messages again")
            isBlocked = false
            try send(on: connection)
        case .channelClosed(_, let reason):
            throw AMQPFailure(.connection, "the channel was closed: \(reason)")
        case .delivered, .readerEnded:
            break
        }
    }

    func disconnected(_ failure: AMQPFailure) {
        for sent in sent.values {
            sent.request.outcome.resolve(
                .failure(
                    BrokerError(
                        .unavailable, detail: "the connection was lost before the confirm: \(failure.detail)")
                ))
        }
        sent = [:]
        waiting.removeAll { $0.outcome.isResolved }
    }

    func stopped(on connection: AMQPConnection?) {
        for request in sent.values.map(\.request) {
            request.outcome.resolve(
                .failure(BrokerError(.unavailable, detail: "the broker was closed before the confirm")))
        }
        for request in waiting { request.outcome.resolve(.failure(BrokerError(.closed))) }
        waiting = []
    }

    // MARK: - Sending

    private func send(on connection: AMQPConnection) throws(AMQPFailure) {
        try checkRoom()
        var count = 0
        defer { waiting.removeFirst(count) }
        while !isBlocked, sent.count < Self.inFlightLimit, count < waiting.count {
            let request = waiting[count]
            count += 1
            // Its caller has gone.
            if request.outcome.isResolved { continue }
            let call = Sent(request)
            for message in request.messages {
                // Before it is sent: where that fails, so does the call.
                sent[nextNumber] = call
                nextNumber += 1
                try connection.publish(
                    BrokerMessageToSend(
                        message: message,
                        routingKey: topology.routingKey(
                            topic: request.topic, partition: partition(of: message)),
                        position: nextPosition()),
                    exchange: topology.exchange, channel: Self.channel)
            }
        }
    }

    /// What a queue without a leader does not confirm, and whose callers have long gone, must not keep the room of the
    /// others: a new connection starts without it.
    private func checkRoom() throws(AMQPFailure) {
        guard sent.count >= Self.inFlightLimit, let oldest = sent[firstUnconfirmed],
            ContinuousClock.now - oldest.start > options.requestTimeout
        else { return }
        throw AMQPFailure(.connection, "\(sent.count) messages wait to be confirmed, the first for too long")
    }

    /// Messages without a key take the partitions by turns.
    private func partition(of message: BrokerMessage) -> Int {
        guard message.key.isEmpty else { return topology.partition(of: message.key) }
        keyless = (keyless + 1) % topology.partitions
        return keyless
    }

    /// Microseconds since 1970, and always more than the last.
    private func nextPosition() -> Int64 {
        lastPosition = max(lastPosition + 1, Int64(Date().timeIntervalSince1970 * 1_000_000))
        return lastPosition
    }

    private func settle(upTo tag: UInt64, multiple: Bool, _ body: (PublishRequest, Int) -> Void) {
        for number in (multiple ? min(firstUnconfirmed, tag) : tag)...tag {
            guard let call = sent.removeValue(forKey: number) else { continue }
            call.remaining -= 1
            body(call.request, call.remaining)
        }
        while firstUnconfirmed < nextNumber, sent[firstUnconfirmed] == nil { firstUnconfirmed += 1 }
    }
}
