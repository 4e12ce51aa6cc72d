import SoukBroker
import SoukDatabase
import Synchronization

/// A broker that fails when told to.
final class FaultyBroker: Broker {
    enum Fault: Sendable {
        /// Refuses to publish.
        case down
        /// Publishes, and the confirmation is lost.
        case confirmationLost
        /// Delivers every message again although it was acknowledged.
        case acknowledgementLost
    }

    private struct State {
        var fault: Fault?
        var failures = 0
    }

    private let broker: any Broker
    private let state = Mutex(State())
    /// Every attempt to publish, failed ones too.
    let attempts = Probe<Int>()

    init(_ broker: any Broker) {
        self.broker = broker
    }

    var capabilities: BrokerCapabilities { broker.capabilities }

    /// Fails so many times in this way.
    func fail(_ fault: Fault, times: Int = .max) {
        state.withLock { $0 = State(fault: fault, failures: times) }
    }

    func recover() {
        state.withLock { $0 = State() }
    }

    private func occurs(_ fault: Fault) -> Bool {
        state.withLock { state in
            guard state.fault == fault, state.failures > 0 else { return false }
            state.failures -= 1
            return true
        }
    }

    func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        defer { attempts.record(messages.count) }
        if occurs(.down) { throw BrokerError(.unavailable, detail: "down") }
        try await broker.publish(messages, to: topic)
        if occurs(.confirmationLost) { throw BrokerError(.unavailable, detail: "confirmation lost") }
    }

    func subscribe(
        to topics: [String], group: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        Subscription(try await broker.subscribe(to: topics, group: group, options: options), self)
    }

    func lag(group: String) async throws(BrokerError) -> [String: Int] {
        try await broker.lag(group: group)
    }

    func close() async {
        await broker.close()
    }

    private struct Subscription: BrokerSubscription {
        let subscription: any BrokerSubscription
        let broker: FaultyBroker

        init(_ subscription: any BrokerSubscription, _ broker: FaultyBroker) {
            self.subscription = subscription
            self.broker = broker
        }

        func next() async throws(BrokerError) -> Delivery? {
            guard let delivery = try await subscription.next() else { return nil }
            return Delivery(
                message: delivery.message, topic: delivery.topic, position: delivery.position,
                deliveryCount: delivery.deliveryCount
            ) { [broker] (settlement: Delivery.Settlement) async throws(BrokerError) in
                switch settlement {
                case .ack where broker.occurs(.acknowledgementLost): try await delivery.nack()
                case .ack: try await delivery.ack()
                case .nack(let delay): try await delivery.nack(after: delay)
                }
            }
        }

        func close() async {
            await subscription.close()
        }
    }
}

/// A database that is away when told to be.
final class FaultyDatabase: Database {
    private let database: any Database
    private let away = Mutex(false)
    /// Every transaction refused.
    let refusals = Probe<Bool>()

    init(_ database: any Database) {
        self.database = database
    }

    func goAway() { away.withLock { $0 = true } }

    func comeBack() { away.withLock { $0 = false } }

    private func check() throws(DatabaseError) {
        guard away.withLock({ $0 }) else { return }
        refusals.record(true)
        throw DatabaseError(.connection, detail: "away")
    }

    var dialect: Dialect { database.dialect }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try check()
        return try await database.query(sql)
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try check()
        return try await database.execute(sql)
    }

    func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try check()
        return try await database.transaction(isolation: isolation, body)
    }

    func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T {
        try check()
        return try await database.snapshot(body)
    }

    func signals(on channel: String) -> AsyncStream<Void> {
        database.signals(on: channel)
    }

    func ping() async throws(DatabaseError) {
        try check()
        try await database.ping()
    }

    func close() async {
        await database.close()
    }
}
