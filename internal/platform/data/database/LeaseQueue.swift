/// Who holds which of a fixed set of resources, and who waits for one: first come, first served.
///
/// Pure state: it says whom to wake and with what, the shell does it. `Waiter` waits for a resource, `Closer` for
/// all of them to come back.
package struct LeaseQueue<Resource, Waiter, Closer> {
    package enum Acquisition {
        case granted(Resource)
        case waiting
        /// As many wait already as may.
        case refused
        case closed
    }

    package enum Release {
        case handOver(Resource, to: Waiter)
        case idle
        /// The queue is closed and this was the last resource out.
        case drained([Closer])
    }

    private let waiterLimit: Int
    private var idle: [Resource]
    private var lent = 0
    private var waiting: [(id: UInt64, waiter: Waiter)] = []
    private var closers: [Closer] = []
    private var isClosed = false

    package init(_ resources: [Resource], waiterLimit: Int) {
        idle = resources
        self.waiterLimit = waiterLimit
    }

    /// Takes a resource where one is idle; nil where the caller has to queue.
    package mutating func acquireIdle() -> Resource? {
        guard !isClosed, let resource = idle.popLast() else { return nil }
        lent += 1
        return resource
    }

    /// Takes a resource, or puts the waiter at the end of the queue.
    package mutating func acquire(id: UInt64, waiter: Waiter) -> Acquisition {
        if isClosed { return .closed }
        if let resource = acquireIdle() { return .granted(resource) }
        if waiting.count >= waiterLimit { return .refused }
        waiting.append((id, waiter))
        return .waiting
    }

    /// Takes a waiter out of the queue; nil when it is not in it (any more).
    package mutating func cancel(id: UInt64) -> Waiter? {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return waiting.remove(at: index).waiter
    }

    package var waitingCount: Int { waiting.count }

    /// Takes the first waiter out of the queue, to be given what another holds.
    package mutating func nextWaiter() -> Waiter? {
        waiting.isEmpty ? nil : waiting.removeFirst().waiter
    }

    package mutating func release(_ resource: Resource) -> Release {
        if let waiter = nextWaiter() { return .handOver(resource, to: waiter) }
        idle.append(resource)
        lent -= 1
        guard isClosed, lent == 0 else { return .idle }
        defer { closers = [] }
        return .drained(closers)
    }

    /// Refuses everybody from now on. Returns the waiters to turn away.
    package mutating func close() -> [Waiter] {
        isClosed = true
        defer { waiting = [] }
        return waiting.map(\.waiter)
    }

    /// Whether the closed queue has all resources back; otherwise the closer is woken when it has.
    package mutating func isDrained(orWake closer: Closer) -> Bool {
        precondition(isClosed, "only a closed queue drains")
        if lent == 0 { return true }
        closers.append(closer)
        return false
    }

    /// Hands out all resources for good, once drained.
    package mutating func takeAll() -> [Resource] {
        precondition(isClosed && lent == 0, "resources are taken back only from a drained queue")
        defer { idle = [] }
        return idle
    }
}
