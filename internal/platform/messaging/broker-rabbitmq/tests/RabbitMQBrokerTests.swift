import Foundation
import SoukBroker
import SoukTesting
import Testing

@testable import SoukBrokerRabbitMQ

/// What only this backend does, on a real server.
@Suite(
    .enabled(if: RabbitMQServer.isThere, "\(RabbitMQServer.reason)"), .serialized, .timeLimit(.minutes(2)))
struct RabbitMQBrokerTests {
    private let topic = "t-\(UUID().uuidString)"

    private func messages(_ numbers: Range<Int>) -> [BrokerMessage] {
        numbers.map { BrokerMessage(id: "\($0)", key: "k", payload: []) }
    }

    @Test func `without a server calls are unavailable in bounded time`() async throws {
        var options = try RabbitMQOptions(url: "amqp://souk:hunter2@127.0.0.1:1/")
        options.requestTimeout = .milliseconds(300)
        let broker = try RabbitMQBroker.open(options)
        let start = ContinuousClock.now
        for call in [
            { try await broker.publish(messages(0..<1), to: topic) },
            { _ = try await broker.subscribe(to: [topic], group: "g") },
        ] {
            let error = await #expect(throws: BrokerError.self) { try await call() }
            #expect(error?.reason == .unavailable)
            #expect(error?.description.contains("hunter2") == false)
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        await broker.close()
        await broker.close()
    }

    @Test func `a wrong password is unavailable, and not shown`() async throws {
        var options = try RabbitMQServer.options()
        options.password = "hunter2"
        options.requestTimeout = .seconds(1)
        let broker = try RabbitMQBroker.open(options)
        let error = await #expect(throws: BrokerError.self) {
            try await broker.publish(messages(0..<1), to: topic)
        }
        #expect(error?.reason == .unavailable)
        #expect(error?.description.contains("hunter2") == false)
        await broker.close()
    }

    @Test func `TLS verifies the server's authority and name`() async throws {
        let url = try #require(RabbitMQServer.variable("SOUK_TEST_RABBITMQ_TLS_URL"))
        var options = try RabbitMQOptions(url: url)
        options.requestTimeout = .seconds(2)
        // The system does not know the authority of a private server.
        let stranger = try RabbitMQBroker.open(options)
        await #expect(throws: BrokerError.self) { try await stranger.publish(messages(0..<1), to: topic) }
        await stranger.close()
        let authorityFile = try #require(RabbitMQServer.variable("SOUK_TEST_RABBITMQ_CA_FILE"))
        options.authorityFile = authorityFile
        let broker = try RabbitMQBroker.open(options)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        try await broker.publish(messages(0..<1), to: topic)
        #expect(try await subscription.next()?.message.id == "0")
        await broker.close()
    }

    @Test func `members that leave half-way hand over in order, again and again`() async throws {
        let broker = try RabbitMQBroker.open(RabbitMQServer.options())
        let group = "g-\(UUID().uuidString)"
        var member = try await broker.subscribe(to: [topic], group: group)
        try await broker.publish(messages(0..<200), to: topic)
        var handled: [String] = []
        for _ in 0..<10 {
            let next = try await broker.subscribe(to: [topic], group: group)
            for _ in 0..<13 {
                let delivery = try #require(try await member.next())
                handled.append(delivery.message.id)
                try await delivery.ack()
            }
            // One more is in its hands, and the rest on its way or in its window.
            _ = try await member.next()
            await member.close()
            member = next
        }
        for _ in 0..<70 {
            let delivery = try #require(try await member.next())
            handled.append(delivery.message.id)
            try await delivery.ack()
        }
        #expect(handled == (0..<200).map(String.init))
        await broker.close()
    }

    @Test func `what a queue returns too often lies in the dead queue, and lag shows it`() async throws {
        var options = try RabbitMQServer.options()
        options.exchange = "souk.dead.\(UUID().uuidString)"
        options.deliveryLimit = 1
        let broker = try RabbitMQBroker.open(options)
        // Two members leave with it in their hands; the limit allows one return.
        await (try await broker.subscribe(to: [topic], group: "g")).close()
        try await broker.publish(messages(0..<1), to: topic)
        for _ in 0..<2 {
            let member = try await broker.subscribe(to: [topic], group: "g")
            _ = try await member.next()
            await member.close()
        }
        let member = try await broker.subscribe(to: [topic], group: "g")
        let dead = Topology(options).deadQueue(group: "g")
        let end = ContinuousClock.now + .seconds(20)
        var lag: [String: Int] = [:]
        while lag[dead] != 1, ContinuousClock.now < end {
            lag = try await broker.lag(group: "g")
            // The server moves it by itself: polled, within the bound above.
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(lag == [topic: 0, dead: 1])
        await member.close()
        await broker.close()
    }
}
