import SoukBroker
import SoukIDs
import Testing

@testable import SoukBrokerKafka

/// What ended the process: librdkafka 2.0 dereferences null or asserts. A test that fails here ends the whole run.
@Suite(.timeLimit(.minutes(2)))
struct KafkaCrashTests {
    @Test func `survives a coordinator that moves while it asks for the lag`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        try await broker.publish([BrokerMessage(id: "1", key: "k", payload: [])], to: "t")
        // OffsetFetch (9): not coordinator, coordinator not available, coordinator load in progress.
        for code in [16, 15, 14, 16] { try cluster.tell("error 9 \(code) 1") }
        for _ in 0..<5 {
            do {
                _ = try await broker.lag(group: "g")
            } catch {
                #expect(error.reason == .unavailable)
            }
        }
        await broker.close()
    }

    @Test func `leaves a group that is rebalancing before it has given the first partition`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        // SyncGroup (14): rebalance in progress. The group is joined and never assigned.
        try cluster.tell("error 14 27 1000")
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        // As long as the stand-in takes to let a member join; nothing tells that it waits for its partitions.
        try await Task.sleep(for: .seconds(5))
        await subscription.close()
        await broker.close()
        // librdkafka destroys a client on a thread of its own.
        try await Task.sleep(for: .seconds(3))
    }

    @Test(arguments: [-195, 16, 15])
    func `gets its partitions though the coordinator fails while they are assigned`(code: Int) async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        try await broker.publish([BrokerMessage(id: "1", key: "k", payload: [])], to: "t")
        // OffsetFetch (9): more often than librdkafka tries again.
        try cluster.tell("error 9 \(code) 12")
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        let delivery = try #require(try await subscription.next())
        #expect(delivery.message.id == "1")
        try await delivery.ack()
        await broker.close()
    }
}
