import Foundation
import SoukBroker
import SoukBrokerEmbedded
import SoukTesting
import SoukTime
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EmbeddedBrokerTests {
    private let folder: TemporaryFolder
    private let clock = ManualClock()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func open(
        _ name: String = "broker.db", options: EmbeddedBrokerOptions = .init()
    ) async throws -> EmbeddedBroker {
        try await EmbeddedBroker.open(path: folder.path(name), clock: clock, options: options)
    }

    /// The files as a `kill -9` at this moment would leave them.
    private func crashImage() throws -> String {
        for suffix in ["", "-wal"] {
            let from = folder.path("broker.db\(suffix)")
            guard FileManager.default.fileExists(atPath: from) else { continue }
            try FileManager.default.copyItem(atPath: from, toPath: folder.path("crashed.db\(suffix)"))
        }
        return "crashed.db"
    }

    private func messages(_ numbers: Range<Int>, key: String? = nil) -> [BrokerMessage] {
        numbers.map { BrokerMessage(id: "\($0)", key: key ?? "k\($0)", payload: []) }
    }

    private func receive(_ count: Int, from subscription: any BrokerSubscription) async throws -> [Delivery] {
        var deliveries: [Delivery] = []
        while deliveries.count < count {
            deliveries.append(try #require(try await subscription.next()))
        }
        return deliveries
    }

    @Test func `a crash loses nothing that publish returned for`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<50), to: "t")
        let image = try crashImage()
        await broker.close()
        let recovered = try await open(image)
        let subscription = try await recovered.subscribe(to: ["t"], group: "g")
        #expect(try await receive(50, from: subscription).map(\.message) == messages(0..<50))
        await recovered.close()
    }

    @Test func `a crash repeats fewer than a hundred acknowledged messages`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<250), to: "t")
        let subscription = try await broker.subscribe(
            to: ["t"], group: "g", options: SubscriptionOptions(prefetch: 250))
        for delivery in try await receive(250, from: subscription) { try await delivery.ack() }
        let image = try crashImage()
        await broker.close()
        let recovered = try await open(image)
        #expect(try await recovered.lag(group: "g") == ["t": 50])
        let again = try #require(try await recovered.subscribe(to: ["t"], group: "g").next())
        #expect(again.message.id == "200")
        #expect(again.deliveryCount == 1)
        await recovered.close()
    }

    @Test func `a single acknowledgement is stored after 200 ms`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<3), to: "t")
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        try await receive(1, from: subscription)[0].ack()
        await clock.sleepers()
        clock.advance(by: .milliseconds(200))
        // The log is the only witness: ask a second handle of the file until it has seen the store.
        let other = try await open()
        while try await other.lag(group: "g") != ["t": 2] { await Task.yield() }
        await other.close()
        await broker.close()
    }

    @Test func `closing stores every acknowledgement`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<3), to: "t")
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        for delivery in try await receive(2, from: subscription) { try await delivery.ack() }
        await broker.close()
        let reopened = try await open()
        #expect(try await reopened.lag(group: "g") == ["t": 1])
        await reopened.close()
    }

    @Test func `a redelivery comes when the clock says so, to whoever waits`() async throws {
        let broker = try await open()
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        try await broker.publish(messages(0..<1), to: "t")
        try await receive(1, from: subscription)[0].nack(after: .seconds(30))
        async let redelivered = subscription.next()
        await clock.sleepers()
        clock.advance(by: .seconds(30))
        let delivery = try #require(try await redelivered)
        #expect(delivery.deliveryCount == 2)
        await broker.close()
    }

    // MARK: - Retention

    @Test func `old messages go once every group has passed them`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<5), to: "t")
        let fast = try await broker.subscribe(to: ["t"], group: "fast")
        let slow = try await broker.subscribe(to: ["t"], group: "slow")
        for delivery in try await receive(5, from: fast) { try await delivery.ack() }
        for delivery in try await receive(2, from: slow) { try await delivery.ack() }
        await fast.close()
        await slow.close()
        clock.advance(by: .seconds(60))
        #expect(try await broker.purge(before: clock.now()) == 2)
        let late = try await broker.subscribe(to: ["t"], group: "late")
        #expect(try await receive(3, from: late).map(\.message.id) == ["2", "3", "4"])
        #expect(try await broker.purge(before: clock.now()) == 0)
        await broker.close()
    }

    @Test func `new messages stay whoever has passed them`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<2), to: "t")
        let cut = clock.now()
        clock.advance(by: .seconds(1))
        try await broker.publish(messages(2..<4), to: "t")
        #expect(try await broker.purge(before: cut) == 0)
        #expect(try await broker.purge(before: cut + .milliseconds(1)) == 2)
        await broker.close()
    }

    @Test func `publishing clears away after seven days, and positions go on`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<3), to: "t")
        clock.advance(by: .seconds(7 * 86_400 + 1))
        try await broker.publish(messages(3..<4), to: "other")
        let subscription = try await broker.subscribe(to: ["t"], group: "g")
        #expect(try await broker.lag(group: "g") == ["t": 0])
        try await broker.publish(messages(3..<4), to: "t")
        let delivery = try #require(try await subscription.next())
        #expect(delivery.message.id == "3")
        #expect(delivery.position == 3)
        await broker.close()
    }

    @Test func `a forgotten group holds nothing back and starts anew`() async throws {
        let broker = try await open()
        try await broker.publish(messages(0..<3), to: "t")
        _ = try await broker.subscribe(to: ["t"], group: "gone")
        let error = await #expect(throws: BrokerError.self) { try await broker.forget(group: "gone") }
        #expect(error?.reason == .invalidArgument)
        await broker.close()

        let reopened = try await open()
        clock.advance(by: .seconds(1))
        #expect(try await reopened.purge(before: clock.now()) == 0)
        try await reopened.forget(group: "gone")
        #expect(try await reopened.purge(before: clock.now()) == 3)
        await reopened.close()
    }

    // MARK: - Limits

    @Test func `a message that is too large is refused with all beside it`() async throws {
        let broker = try await open(options: EmbeddedBrokerOptions(maximumMessageBytes: 100))
        let large = BrokerMessage(id: "1", key: "k", payload: [UInt8](repeating: 0, count: 99))
        let error = await #expect(throws: BrokerError.self) {
            try await broker.publish(messages(0..<1) + [large], to: "t")
        }
        #expect(error?.reason == .messageTooLarge)
        _ = try await broker.subscribe(to: ["t"], group: "g")
        #expect(try await broker.lag(group: "g") == ["t": 0])
        await broker.close()
    }

    @Test func `a file that is no log is not opened`() async throws {
        try Data("this is not a database, and long enough to be looked at".utf8)
            .write(to: URL(fileURLWithPath: folder.path("broker.db")))
        let error = await #expect(throws: BrokerError.self) { try await open() }
        #expect(error?.reason == .unavailable)
    }
}
