import SoukTesting
import Testing

@testable import SoukDatabase

@Suite struct LeaseQueueTests {
    private typealias Queue = SharedQueue<String, Int, String>

    @Test func lendsInOrderOfArrival() {
        let queue = Queue(["a"], waiterLimit: 3)
        #expect(queue.acquireIdle() == "a")
        #expect(queue.acquireIdle() == nil)
        for waiter in 1...3 { #expect(queue.acquire(id: UInt64(waiter), waiter: waiter).isWaiting) }
        for waiter in 1...3 { #expect(queue.release("a").successor == waiter) }
        #expect(queue.release("a").successor == nil)
        #expect(queue.acquireIdle() == "a")
    }

    @Test func refusesMoreThanMayWait() {
        let queue = Queue([], waiterLimit: 1)
        #expect(queue.acquire(id: 1, waiter: 1).isWaiting)
        guard case .refused = queue.acquire(id: 2, waiter: 2) else {
            Issue.record("not the expected outcome")
            return
        }
        #expect(queue.cancel(id: 1) == 1)
        #expect(queue.acquire(id: 3, waiter: 3).isWaiting)
    }

    @Test func passesOverTheCancelled() {
        let queue = Queue(["a"], waiterLimit: 9)
        _ = queue.acquireIdle()
        for waiter in 1...3 { _ = queue.acquire(id: UInt64(waiter), waiter: waiter) }
        #expect(queue.cancel(id: 2) == 2)
        #expect(queue.cancel(id: 2) == nil)
        #expect(queue.release("a").successor == 1)
        #expect(queue.release("a").successor == 3)
        #expect(queue.cancel(id: 3) == nil)
    }

    @Test func closesAfterTheLastReturn() {
        let queue = Queue(["a", "b"], waiterLimit: 9)
        _ = queue.acquireIdle()
        _ = queue.acquireIdle()
        _ = queue.acquire(id: 1, waiter: 1)
        #expect(queue.close() == [1])
        #expect(queue.acquireIdle() == nil)
        guard case .closed = queue.acquire(id: 2, waiter: 2) else {
            Issue.record("not the expected outcome")
            return
        }
        #expect(!queue.isDrained(orWake: "closer"))
        guard case .idle = queue.release("a") else {
            Issue.record("not the expected outcome")
            return
        }
        guard case .drained(["closer"]) = queue.release("b") else {
            Issue.record("not the expected outcome")
            return
        }
        #expect(queue.isDrained(orWake: "late"))
        #expect(queue.takeAll().sorted() == ["a", "b"])
        #expect(queue.takeAll().isEmpty)
        #expect(queue.isDrained(orWake: "later"))
    }

    /// No resource is ever held twice, and nobody waits while one is idle.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func neverLendsTwice(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let queue = SharedQueue<Int, UInt64, Void>(Array(0..<3), waiterLimit: 5)
        var held: Set<Int> = []
        var waiting: [UInt64] = []
        for id in 1...2_000 as ClosedRange<UInt64> {
            switch random.next() % 4 {
            case 0, 1:
                switch queue.acquire(id: id, waiter: id) {
                case .granted(let resource): #expect(held.insert(resource).inserted && waiting.isEmpty)
                case .waiting: waiting.append(id)
                case .refused: #expect(waiting.count == 5)
                case .closed: Issue.record("nobody closed it")
                }
            case 2:
                guard let resource = held.randomElement(using: &random) else { continue }
                switch queue.release(resource) {
                case .handOver(let same, let waiter):
                    let first = waiting.removeFirst()
                    #expect(same == resource && waiter == first)
                case .idle:
                    held.remove(resource)
                    #expect(waiting.isEmpty)
                case .drained: Issue.record("nobody closed it")
                }
            default:
                guard let waiter = waiting.randomElement(using: &random) else { continue }
                #expect(queue.cancel(id: waiter) == waiter)
                waiting.removeAll { $0 == waiter }
            }
        }
    }
}

/// The queue by reference, since expectations cannot mutate what they look at.
private final class SharedQueue<Resource, Waiter, Closer> {
    private var queue: LeaseQueue<Resource, Waiter, Closer>

    init(_ resources: [Resource], waiterLimit: Int) {
        queue = LeaseQueue(resources, waiterLimit: waiterLimit)
    }

    func acquireIdle() -> Resource? { queue.acquireIdle() }
    func acquire(id: UInt64, waiter: Waiter) -> LeaseQueue<Resource, Waiter, Closer>.Acquisition {
        queue.acquire(id: id, waiter: waiter)
    }
    func cancel(id: UInt64) -> Waiter? { queue.cancel(id: id) }
    func release(_ resource: Resource) -> LeaseQueue<Resource, Waiter, Closer>.Release {
        queue.release(resource)
    }
    func close() -> [Waiter] { queue.close() }
    func isDrained(orWake closer: Closer) -> Bool { queue.isDrained(orWake: closer) }
    func takeAll() -> [Resource] { queue.takeAll() }
}

extension LeaseQueue.Acquisition {
    fileprivate var isWaiting: Bool { if case .waiting = self { true } else { false } }
}

extension LeaseQueue.Release {
    fileprivate var successor: Waiter? { if case .handOver(_, let waiter) = self { waiter } else { nil } }
}
