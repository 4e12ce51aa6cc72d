import DequeModule
import NIOCore

/// The places of a route on one event loop, and who waits for one.
final class PlaceGate {
    private var gate: ConcurrencyGate
    private var waiting: Deque<Exchange> = []

    init(_ gate: ConcurrencyGate) {
        self.gate = gate
    }

    func enter() -> ConcurrencyGate.Entry { gate.enter() }

    func wait(_ exchange: Exchange) { waiting.append(exchange) }

    /// A place is free: it goes to whoever has waited longest.
    func leave() {
        guard gate.leave(), let next = waiting.popFirst() else { return }
        next.enterFromQueue()
    }

    /// Somebody waits no longer.
    func forget(_ exchange: Exchange) {
        guard let index = waiting.firstIndex(where: { $0 === exchange }) else { return }
        waiting.remove(at: index)
        gate.abandonQueue()
    }
}
