import SoukBroker
import Synchronization

/// A member of a group: hands out what the consumer's thread brings.
final class RabbitMQSubscription: BrokerSubscription {
    private struct State {
        var dispatch: DispatchState
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Delivery?, Never>)] = []
        var lastWaiter: UInt64 = 0
        var isClosed = false
    }

    let id: Int
    let topics: [String]
    let group: String
    let loop: ConnectionLoop<ConsumerWork>
    private let timeout: Duration
    private let state: Mutex<State>

    init(
        id: Int, topics: [String], group: String, prefetch: Int, loop: ConnectionLoop<ConsumerWork>,
        timeout: Duration
    ) {
        self.id = id
        self.topics = topics
        self.group = group
        self.loop = loop
        self.timeout = timeout
        state = Mutex(State(dispatch: DispatchState(prefetch: prefetch)))
    }

    // MARK: - For receivers

    /// While the server is away this waits: the subscription resumes by itself.
    func next() async throws(BrokerError) -> Delivery? {
        let waiter = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Delivery?? = state.withLock { state in
                    if state.isClosed || Task.isCancelled { return .some(nil) }
                    if state.waiters.isEmpty, let delivery = give(&state) { return delivery }
                    state.waiters.append((waiter, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation: CheckedContinuation<Delivery?, Never>? = state.withLock { state in
                guard let index = state.waiters.firstIndex(where: { $0.id == waiter }) else { return nil }
                return state.waiters.remove(at: index).continuation
            }
            continuation?.resume(returning: nil)
        }
    }

    func close() async {
        let answer = Outcome<Void>()
        guard finish(), loop.post(.leave(self, answer)) else { return }
        // Unstructured, because a cancelled caller must not keep the others from getting what this member held.
        await Task { [timeout, loop] in
            // Without an answer the connection is lost, which gives everything back as well.
            try? await answer.value(within: timeout, "leaving group \(self.group)") { loop.interrupt() }
        }.value
    }

    // MARK: - For the consumer's thread

    func arrived(_ entry: DispatchState.Entry) {
        change { $0.arrived(entry) }
    }

    func drop(_ lane: DispatchState.LaneID) {
        change { $0.drop(lane) }
    }

    /// Gives out what has waited long enough; returns when there is more to do.
    func promote(now: DispatchState.Instant) -> DispatchState.Instant? {
        change { dispatch in
            dispatch.promote(now: now)
            return dispatch.earliestDue
        }
    }

    var held: [String: Int] { state.withLock { $0.dispatch.held } }

    /// Ends the receiving. True the first time.
    @discardableResult
    func finish() -> Bool {
        let waiters: [CheckedContinuation<Delivery?, Never>]? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            state.dispatch = DispatchState(prefetch: 1)
            defer { state.waiters = [] }
            return state.waiters.map(\.continuation)
        }
        for waiter in waiters ?? [] { waiter.resume(returning: nil) }
        return waiters != nil
    }

    // MARK: - Giving and settling

    /// Changes what is held, and serves the receivers that can go on because of it.
    private func change<R>(_ body: (inout DispatchState) -> sending R) -> sending R {
        let (result, served) = state.withLock { state in
            let result = body(&state.dispatch)
            var served: [(CheckedContinuation<Delivery?, Never>, Delivery)] = []
            while !state.isClosed, !state.waiters.isEmpty, let delivery = give(&state) {
                served.append((state.waiters.removeFirst().continuation, delivery))
            }
            return (result, served)
        }
        for (continuation, delivery) in served { continuation.resume(returning: delivery) }
        return result
    }

    private func give(_ state: inout State) -> Delivery? {
        guard let (id, entry) = state.dispatch.give() else { return nil }
        return Delivery(
            message: entry.message, topic: entry.topic, position: entry.position,
            deliveryCount: entry.deliveries
        ) { [self] (settlement: Delivery.Settlement) async throws(BrokerError) in
            try settle(id, settlement)
        }
    }

    /// An acknowledgement has no answer in AMQP: if the connection breaks before it arrives, the message comes again.
    private func settle(_ id: UInt64, _ settlement: Delivery.Settlement) throws(BrokerError) {
        switch change({ $0.settle(id, settlement, now: .now) }) {
        case .stale:
            throw BrokerError(.staleDelivery, detail: "a delivery of group \(group)")
        case .acknowledge(let acknowledgement):
            guard loop.post(.acknowledge(acknowledgement)) else { throw BrokerError(.staleDelivery) }
        case .again(let due):
            if let due { _ = loop.post(.wake(due)) }
        }
    }
}
