import Testing

@testable import SoukBrokerRabbitMQ

@Suite struct AckBatchTests {
    private typealias Frame = AckBatch.Frame

    @Test func `what has no gap before it goes as one`() {
        var batch = AckBatch()
        for tag: UInt64 in [2, 1, 3, 5] { batch.insert(tag) }
        #expect(batch.take() == [Frame(tag: 3, multiple: true), Frame(tag: 5, multiple: false)])
        #expect(batch.isEmpty)
        #expect(batch.take() == [])
        // 5 is acknowledged already: the frame for 4 must not name it.
        batch.insert(4)
        #expect(batch.take() == [Frame(tag: 4, multiple: false)])
        batch.insert(6)
        batch.insert(7)
        #expect(batch.take() == [Frame(tag: 7, multiple: true)])
    }

    /// Against a plain model of the server: every tag acknowledged once, and no frame names one that is not open.
    @Test(arguments: 0..<20)
    func `any order acknowledges each once`(seed: Int) {
        var open = Set<UInt64>(1...200)
        var order = Array(open).shuffled()
        var batch = AckBatch()
        while !order.isEmpty {
            var inserted: Set<UInt64> = []
            for _ in 0..<min(order.count, Int.random(in: 1...20)) {
                let tag = order.removeLast()
                batch.insert(tag)
                inserted.insert(tag)
            }
            var acknowledged: Set<UInt64> = []
            for frame in batch.take() {
                #expect(open.contains(frame.tag), "unknown delivery tag")
                let tags = frame.multiple ? open.filter { $0 <= frame.tag } : [frame.tag]
                open.subtract(tags)
                acknowledged.formUnion(tags)
            }
            #expect(acknowledged == inserted)
        }
        #expect(open.isEmpty)
    }
}
