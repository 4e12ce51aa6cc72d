import Foundation
package import SoukBroker
import SoukIDs

/// What every broker has to do, as cases for a parameterised test: each backend's test target runs
/// ``allCases`` against its fixture. A case that needs a capability which the backend does not declare passes
/// unrun.
///
///     @Test(arguments: BrokerContract.allCases)
///     func contract(_ testCase: BrokerContract.Case) async throws {
///         try await testCase.run(on: fixture)
///     }
package enum BrokerContract {
    /// Messages in the large cases: `SOUK_CONTRACT_SCALE`, or few enough for every run of the tests.
    package static let defaultScale =
        ProcessInfo.processInfo.environment["SOUK_CONTRACT_SCALE"].flatMap { Int($0) } ?? 2_000

    /// Access to one backend.
    package struct Fixture: Sendable {
        /// What the backend declares; held against what `open` returns.
        package let capabilities: BrokerCapabilities
        /// Messages in the large cases; the smaller ones use a part of it.
        package let scale: Int
        /// Names the backend in the report.
        package let name: String
        /// Opens a client of the backend. Clients opened one after the other see the same topics and groups.
        package let open: @Sendable () async throws -> any Broker
        /// What the backend keeps of a topic that nobody reads, in bytes; more than any case needs, but for a stand-in.
        let backlogBytes: Int
        /// Whether requests fail at random: then messages may be delivered again where nothing else gives a reason for it.
        let failsRequests: Bool
        /// Kills the server without warning and starts it again with what it had stored, while clients are at
        /// work; nil where there is no server, or it stores nothing.
        package let restart: (@Sendable () async throws -> Void)?

        package init(
            _ name: String, capabilities: BrokerCapabilities, scale: Int = BrokerContract.defaultScale,
            backlogBytes: Int = .max, failsRequests: Bool = false,
            restart: (@Sendable () async throws -> Void)? = nil,
            open: @escaping @Sendable () async throws -> any Broker
        ) {
            self.name = name
            self.capabilities = capabilities
            self.scale = scale
            self.backlogBytes = backlogBytes
            self.failsRequests = failsRequests
            self.restart = restart
            self.open = open
        }

        /// Runs the body with an open client, and closes it whatever happens.
        func withBroker(_ body: (any Broker) async throws -> Void) async throws {
            let broker = try await open()
            do {
                try await body(broker)
            } catch {
                await broker.close()
                throw error
            }
            await broker.close()
        }
    }

    /// One promise.
    package struct Case: Sendable, CustomStringConvertible {
        package let description: String
        let needs: BrokerCapabilities
        /// It kills the server, and runs where the fixture can.
        package let needsServer: Bool
        let messages: @Sendable (Fixture) -> Int
        let body: @Sendable (Fixture) async throws -> Void

        /// - Parameter messages: How many the case takes through the broker, where that makes a rate.
        init(
            _ description: String, needs: BrokerCapabilities = [], needsServer: Bool = false,
            messages: @escaping @Sendable (Fixture) -> Int = { _ in 0 },
            _ body: @escaping @Sendable (Fixture) async throws -> Void
        ) {
            self.description = description
            self.needs = needs
            self.needsServer = needsServer
            self.messages = messages
            self.body = body
        }

        /// - Throws: ``Violation`` saying what was broken, or the backend's own error.
        package func run(on fixture: Fixture) async throws {
            let isOffered =
                fixture.capabilities.isSuperset(of: needs) && (!needsServer || fixture.restart != nil)
            guard isOffered else {
                return ContractReport.add(fixture.name, description, .notOffered)
            }
            let start = ContinuousClock.now
            do {
                try await body(fixture)
            } catch {
                ContractReport.add(fixture.name, description, .broken)
                throw error
            }
            ContractReport.add(
                fixture.name, description,
                .kept(messages: messages(fixture), duration: ContinuousClock.now - start))
        }
    }

    /// A broken promise.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    package static var allCases: [Case] {
        deliveryCases + orderCases + groupCases + lifecycleCases + serverCases
    }

    // MARK: - Tools of the cases

    static func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws(Violation) {
        if !condition { throw Violation(description: message()) }
    }

    static func expectEqual<T: Equatable>(_ actual: T, _ expected: T, _ what: String) throws(Violation) {
        try expect(actual == expected, "\(what): \(brief(actual)) instead of \(brief(expected))")
    }

    /// Long lists make a message that nobody reads.
    private static func brief<T>(_ value: T) -> String {
        let text = "\(value)"
        return text.count <= 600 ? text : "\(text.prefix(300)) … \(text.suffix(300))"
    }

    /// A topic or group name that no other case uses, on a shared server too.
    static func unique(_ name: String) -> String { "contract-\(name)-\(ID<Case>())" }

    /// Messages with the numbers as payload, ids, and their keys by turns.
    static func messages(_ numbers: Range<Int>, keys: Int = 1) -> [BrokerMessage] {
        numbers.map { number in
            BrokerMessage(
                id: "m\(number)", key: "k\(number % keys)", headers: ["number": "\(number)"],
                payload: Array("\(number)".utf8))
        }
    }

    /// Messages without a key, which need no order.
    static func unkeyed(_ numbers: Range<Int>) -> [BrokerMessage] {
        numbers.map { BrokerMessage(id: "m\($0)", key: "", payload: Array("\($0)".utf8)) }
    }

    static func number(of delivery: Delivery) throws(Violation) -> Int {
        guard let number = Int(String(decoding: delivery.message.payload, as: UTF8.self)) else {
            throw Violation(description: "a payload that nobody published: \(delivery.message)")
        }
        return number
    }

    static func next(_ subscription: any BrokerSubscription) async throws -> Delivery {
        guard let delivery = try await subscription.next() else {
            throw Violation(description: "the subscription ended while a message was due")
        }
        return delivery
    }

    /// Receives and acknowledges until every one of the numbers came; returns them in the order of their
    /// arrival, with the repetitions that at-least-once delivery allows.
    static func receive(
        _ numbers: Range<Int>, from subscription: any BrokerSubscription
    ) async throws -> [Int] {
        var missing = Set(numbers)
        var received: [Int] = []
        while !missing.isEmpty {
            let delivery = try await next(subscription)
            let number = try number(of: delivery)
            received.append(number)
            missing.remove(number)
            try await delivery.ack()
        }
        return received
    }

    /// Publishes in batches until the broker confirms each, as a publisher does that meets a restarting
    /// broker.
    static func publish(_ messages: [BrokerMessage], to topic: String, on broker: any Broker) async throws {
        for start in stride(from: 0, to: messages.count, by: 100) {
            try await broker.publish(Array(messages[start..<min(start + 100, messages.count)]), to: topic)
        }
    }
}
