import SoukBroker
import Testing

@testable import SoukBrokerKafka

/// Readiness is known before it is asked for.
@Suite(.timeLimit(.minutes(2)))
struct KafkaHealthTests {
    private let now = ContinuousClock.now
    private let outage = BrokerError(.unavailable, detail: "no broker")

    @Test func `is not ready before the first response, nor after a failure`() throws {
        var record = KafkaHealth.Record()
        #expect(throws: BrokerError.self) { try record.check(at: now) }
        record.add(nil, at: now)
        try record.check(at: now)
        record.add(outage, at: now)
        #expect(throws: BrokerError.self) { try record.check(at: now) }
        record.add(nil, at: now)
        try record.check(at: now + .seconds(5))
    }

    @Test func `an old response says nothing`() {
        var record = KafkaHealth.Record()
        record.add(nil, at: now)
        let error = #expect(throws: BrokerError.self) { try record.check(at: now + .milliseconds(5_001)) }
        #expect(error?.detail == "the Kafka cluster last responded 5 s ago")
    }

    @Test func `says at once that a cluster hangs, and that it responds again`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options())
        try await becomes(ready: true, broker)
        cluster.hang(true)
        try await becomes(ready: false, broker)
        cluster.hang(false)
        try await becomes(ready: true, broker)
        await broker.close()
        await #expect { try await broker.checkReadiness() } throws: {
            ($0 as? BrokerError)?.reason == .closed
        }
    }

    /// Asks until it is so; no question may take long.
    private func becomes(ready: Bool, _ broker: KafkaBroker) async throws {
        let limit = ContinuousClock.now + .seconds(20)
        while true {
            let start = ContinuousClock.now
            let isReady: Bool
            do throws(BrokerError) {
                try await broker.checkReadiness()
                isReady = true
            } catch {
                #expect(error.reason == .unavailable)
                isReady = false
            }
            #expect(ContinuousClock.now - start < .milliseconds(250))
            if isReady == ready { return }
            try #require(ContinuousClock.now < limit, "never ready: \(ready)")
            // The thread asks once a second.
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
