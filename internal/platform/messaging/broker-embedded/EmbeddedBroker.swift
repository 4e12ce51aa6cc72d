import Foundation
import Logging
package import SoukBroker
import SoukDatabase
import SoukDatabaseSQLite
package import SoukTime
import Synchronization

/// A broker inside the process: a log in a SQLite file, and in the same file how far each group is.
///
/// - `publish` is one transaction: when it returns, `kill -9` and a power failure lose nothing.
/// - A group's progress is stored at least every 100 acknowledgements or 200 ms, and at `close`; after a
///   crash what was acknowledged since then is delivered again, and so is what was acknowledged behind a
///   message that was not.
/// - Delivery counts live in memory: after a restart they begin at 1.
/// - A message that stays unacknowledged holds back its key only, until the group is 10,000 messages of the
///   topic ahead of it; then the group reads no further in that topic before that message is settled.
/// - Messages are kept for seven days, and longer while a group of their topic has not passed them. A group
///   that will never come back is dropped by ``forget(group:)``.
/// - One process at a time may have the file open.
package final class EmbeddedBroker: Broker {
    private struct State {
        var groups: [String: ConsumerGroup] = [:]
        var purgeDue: Timestamp
        var closing: Task<Void, Never>?
    }

    package var capabilities: BrokerCapabilities { .all }

    private let log: MessageLog
    private let clock: any WallClock
    private let options: EmbeddedBrokerOptions
    private let logger = Logger(label: "souk.broker")
    private let state: Mutex<State>

    private init(log: MessageLog, clock: any WallClock, options: EmbeddedBrokerOptions) {
        self.log = log
        self.clock = clock
        self.options = options
        state = Mutex(State(purgeDue: clock.now()))
    }

    /// Opens the log, creating the file where there is none.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable`` when the file cannot be opened or is not such a log.
    package static func open(
        path: String, clock: any WallClock = SystemClock(), options: EmbeddedBrokerOptions = .init()
    ) async throws(BrokerError) -> EmbeddedBroker {
        do {
            let database = try await SQLiteDatabase.open(path: path)
            do {
                try await Migrator.migrate(database, MessageLog.migrations, set: "broker", clock: clock)
            } catch {
                await database.close()
                throw error
            }
            return EmbeddedBroker(log: MessageLog(database: database), clock: clock, options: options)
        } catch {
            throw .storage(error)
        }
    }

    // MARK: - Publishing

    package func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        try checkOpen()
        guard !topic.isEmpty else { throw BrokerError(.invalidArgument, detail: "a topic has a name") }
        guard !messages.isEmpty else { return }
        for message in messages where message.size > options.maximumMessageBytes {
            throw BrokerError(
                .messageTooLarge, detail: "\(message.size) of at most \(options.maximumMessageBytes) bytes")
        }
        let end: Int64
        do {
            end = try await log.append(messages, to: topic, at: clock.now())
        } catch {
            throw .storage(error)
        }
        for group in state.withLock({ Array($0.groups.values) }) { group.published(topic, upTo: end) }
        await purgeIfDue()
    }

    // MARK: - Subscribing

    package func subscribe(
        to topics: [String], group name: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        guard !topics.isEmpty, topics.allSatisfy({ !$0.isEmpty }), !name.isEmpty else {
            throw BrokerError(
                .invalidArgument, detail: "a subscription names its group and at least one topic")
        }
        // Registered before it reads its positions, so that it hears of everything published after them.
        let group: ConsumerGroup? = state.withLock { state in
            guard state.closing == nil else { return nil }
            if let group = state.groups[name] { return group }
            let group = ConsumerGroup(name: name, log: log, clock: clock, limits: self.options.limits)
            state.groups[name] = group
            return group
        }
        guard let group,
            let member = try await group.join(topics: Set(topics).sorted(), prefetch: options.prefetch)
        else {
            throw BrokerError(.closed)
        }
        return EmbeddedSubscription(group: group, member: member)
    }

    package func lag(group name: String) async throws(BrokerError) -> [String: Int] {
        try checkOpen()
        let stored: [String: Int]
        do {
            stored = try await log.lag(group: name)
        } catch {
            throw .storage(error)
        }
        let live = state.withLock { $0.groups[name] }?.lags ?? [:]
        return stored.merging(live) { _, live in live }
    }

    // MARK: - Keeping

    /// Deletes messages published before a time that every group of their topic has passed; returns how many.
    ///
    /// - Throws: ``BrokerError/Reason/closed``, ``BrokerError/Reason/unavailable``.
    @discardableResult
    package func purge(before time: Timestamp) async throws(BrokerError) -> Int {
        try checkOpen()
        var total = 0
        do {
            // In pieces, because publishers wait for each.
            while case let deleted = try await log.purge(before: time, limit: Self.purgeBatch), deleted > 0 {
                total += deleted
            }
        } catch {
            throw .storage(error)
        }
        return total
    }

    /// Drops a group that has no members: retention does not wait for it any more, and should it return it
    /// starts at the earliest kept message.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument`` while the group is in use in this process;
    ///   ``BrokerError/Reason/closed``, ``BrokerError/Reason/unavailable``.
    package func forget(group name: String) async throws(BrokerError) {
        try checkOpen()
        guard state.withLock({ $0.groups[name] == nil }) else {
            throw BrokerError(.invalidArgument, detail: "group \(name) is in use")
        }
        do {
            try await log.forget(group: name)
        } catch {
            throw .storage(error)
        }
    }

    private static let purgeBatch = 1_000
    private static let purgeEvery: Duration = .seconds(3_600)

    /// Once an hour publishers clear away what is too old, a piece each until nothing is left.
    private func purgeIfDue() async {
        let now = clock.now()
        let isDue = state.withLock { state in
            guard state.purgeDue <= now else { return false }
            state.purgeDue = now + Self.purgeEvery
            return true
        }
        guard isDue else { return }
        do {
            let deleted = try await log.purge(before: now - options.retention, limit: Self.purgeBatch)
            if deleted > 0 { state.withLock { $0.purgeDue = now } }
        } catch {
            logger.warning("deleting old messages: \(error)")
        }
    }

    // MARK: - Closing

    package func close() async {
        let closing = state.withLock { state in
            if let closing = state.closing { return closing }
            let groups = Array(state.groups.values)
            // Unstructured, because several callers wait for the same closing and the cancellation of one
            // must not keep the positions from being stored.
            let closing = Task { [log] in
                for group in groups { await group.close() }
                await log.database.close()
            }
            state.closing = closing
            return closing
        }
        await closing.value
    }

    private func checkOpen() throws(BrokerError) {
        if state.withLock({ $0.closing != nil }) { throw BrokerError(.closed) }
    }
}

/// What may be chosen about an embedded broker.
package struct EmbeddedBrokerOptions: Sendable {
    /// How long messages are kept at least.
    package var retention: Duration
    /// The largest message: key, headers and payload together.
    package var maximumMessageBytes: Int
    /// Bounds of what a group holds of a topic; smaller in tests.
    var limits = TopicCursor.Limits()

    package init(retention: Duration = .seconds(7 * 86_400), maximumMessageBytes: Int = 1 << 20) {
        self.retention = retention
        self.maximumMessageBytes = maximumMessageBytes
    }
}

/// A member of a group.
private final class EmbeddedSubscription: BrokerSubscription {
    private let group: ConsumerGroup
    private let member: GroupState.MemberID

    init(group: ConsumerGroup, member: GroupState.MemberID) {
        self.group = group
        self.member = member
    }

    func next() async throws(BrokerError) -> Delivery? {
        try await group.next(member)
    }

    func close() async {
        // Unstructured, because a cancelled caller must not keep the positions from being stored.
        await Task { [group, member] in await group.leave(member) }.value
    }
}

extension BrokerMessage {
    fileprivate var size: Int {
        headers.reduce(id.utf8.count + key.utf8.count + payload.count) { sum, header in
            sum + header.key.utf8.count + header.value.utf8.count
        }
    }
}

extension BrokerError {
    /// What the log's database, or the group's closing, means to the broker's caller.
    static func storage(_ error: any Error) -> BrokerError {
        switch error {
        case let error as BrokerError: error
        case let error as DatabaseError where error.reason == .closed: BrokerError(.closed)
        default: BrokerError(.unavailable, detail: "\(error)")
        }
    }
}
