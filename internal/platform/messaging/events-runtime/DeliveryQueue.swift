import SoukBroker
import Synchronization

/// What a subscription has delivered and no worker has taken: at most its prefetch.
///
/// What waits is shared out evenly, so workers take one delivery each as long as they keep up, and as many as a
/// transaction may hold once there is a backlog.
final class DeliveryQueue: Sendable {
    private typealias Worker = CheckedContinuation<[Delivery]?, Never>

    private struct State {
        var waiting: [Delivery] = []
        var idle: [Worker] = []
        var isFinished = false
    }

    private let workers: Int
    private let most: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - workers: How many tasks take from it.
    ///   - most: How many deliveries one of them takes at once.
    init(workers: Int, most: Int) {
        self.workers = workers
        self.most = most
    }

    func add(_ delivery: Delivery) {
        let worker: Worker? = state.withLock { state in
            if let worker = state.idle.popLast() { return worker }
            state.waiting.append(delivery)
            return nil
        }
        worker?.resume(returning: [delivery])
    }

    /// Nothing more comes; what waits is still given out.
    func finish() {
        let idle = state.withLock { state in
            state.isFinished = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in idle { worker.resume(returning: nil) }
    }

    /// A worker's next deliveries, oldest first, at least one; nil once there are no more.
    func next() async -> [Delivery]? {
        await withCheckedContinuation { (worker: Worker) in
            let taken: [Delivery]?? = state.withLock { state in
                guard !state.waiting.isEmpty else {
                    if state.isFinished { return .some(nil) }
                    state.idle.append(worker)
                    return nil
                }
                let count = min((state.waiting.count + workers - 1) / workers, most)
                defer { state.waiting.removeFirst(count) }
                return Array(state.waiting.prefix(count))
            }
            if let taken { worker.resume(returning: taken) }
        }
    }
}
