import NIOPosix
import SoukBroker
import Synchronization

/// The producer in use: a retired one is replaced when the next is needed.
final class ProducerSlot: Sendable {
    private struct State {
        var producer: KafkaProducer
        var isClosed = false
    }

    private let options: KafkaOptions
    private let state: Mutex<State>

    /// - Throws: ``BrokerError/Reason/invalidArgument`` when the options do not work.
    init(_ options: KafkaOptions) throws(BrokerError) {
        self.options = options
        state = Mutex(State(producer: try KafkaProducer(options)))
    }

    /// A producer that takes messages; a new one is made on the threads.
    ///
    /// - Throws: ``BrokerError/Reason/closed``, ``BrokerError/Reason/unavailable``.
    func producer(on threads: NIOThreadPool) async throws(BrokerError) -> KafkaProducer {
        if let producer = try usable() { return producer }
        do {
            return try await threads.runIfActive { [self] in try replaced() }
        } catch let error as BrokerError {
            throw error
        } catch {
            // The threads end with the broker.
            throw BrokerError(.closed)
        }
    }

    /// The client of a producer, for requests; to be called on a thread that may block.
    func client() throws(BrokerError) -> RDKafkaClient {
        guard let client = try replaced().client else {
            throw BrokerError(.unavailable, detail: "the Kafka producer is being replaced")
        }
        return client
    }

    /// The producer, unless it is retired.
    private func usable() throws(BrokerError) -> KafkaProducer? {
        let (producer, isClosed) = state.withLock { ($0.producer, $0.isClosed) }
        if isClosed { throw BrokerError(.closed) }
        return producer.client == nil ? nil : producer
    }

    private func replaced() throws(BrokerError) -> KafkaProducer {
        if let producer = try usable() { return producer }
        let new: KafkaProducer
        do {
            new = try KafkaProducer(options)
        } catch {
            // The same options worked before: what is missing now is threads, files or memory.
            throw BrokerError(.unavailable, detail: error.detail)
        }
        // Somebody else may have replaced it meanwhile; then this one was made in vain and ends.
        let used: KafkaProducer? = state.withLock { state in
            guard !state.isClosed else { return nil }
            if state.producer.client == nil { state.producer = new }
            return state.producer
        }
        if used !== new { new.end() }
        guard let used else { throw BrokerError(.closed) }
        return used
    }

    /// Gives messages on their way until then.
    func close(flushUntil: ContinuousClock.Instant) async {
        let producer = state.withLock { state in
            state.isClosed = true
            return state.producer
        }
        await producer.close(flushUntil: flushUntil)
    }
}
