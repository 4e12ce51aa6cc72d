package import SoukCache
import Synchronization

/// A cache in Redis (5 or later), shared by all processes: one connection, over which the commands of all tasks go
/// without waiting for each other.
///
/// Connects with the first command, and again by itself when the connection is lost. While there is none, calls fail
/// at once; while it is being made for the first time, or a command is under way, they fail after
/// ``RedisOptions/commandTimeout``. Cancelling a task does not shorten that.
package final class RedisCache: Cache {
    /// Keys of one `DEL`.
    private static let batch = 500

    private let connection: RedisConnection
    private let options: RedisOptions
    /// Those who listen; nil once the cache is closed.
    private let listeners = Mutex<[ObjectIdentifier: Listener]?>([:])

    private struct Listener {
        let subscriber: RedisSubscriber
        let continuation: AsyncStream<[UInt8]>.Continuation
    }

    private init(_ connection: RedisConnection, _ options: RedisOptions) {
        self.connection = connection
        self.options = options
    }

    deinit {
        connection.shutDown()
        endListeners()
    }

    /// A cache that has not connected yet: Redis may be away.
    ///
    /// - Throws: ``CacheError/unavailable(_:)`` when the process has no descriptors left.
    package static func open(_ options: RedisOptions) throws(CacheError) -> RedisCache {
        RedisCache(try RedisConnection(options), options)
    }

    package func get(_ key: String) async throws(CacheError) -> [UInt8]? {
        try CacheRules.check(key: key)
        switch try await ask(RedisCommand("GET", key)) {
        case .bytes(let value):
            guard value.count <= CacheRules.maxValueBytes else {
                throw .unavailable("a value of \(value.count) bytes, which is none of ours")
            }
            return value
        case .none: return nil
        default: throw Self.misunderstood
        }
    }

    @discardableResult
    package func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool {
        try CacheRules.check(key: key)
        try CacheRules.check(value: value)
        let lifetime = Array("\(try CacheRules.milliseconds(timeToLive))".utf8)
        if case .ifEqual(let expected) = condition {
            return try await run(.setIfEqual, key, [expected, value, lifetime]) == .integer(1)
        }
        let always = [Array("SET".utf8), Array(key.utf8), value, Array("PX".utf8), lifetime]
        switch try await ask(RedisCommand(condition == .ifAbsent ? always + [Array("NX".utf8)] : always)) {
        case .status: return true
        case .none: return false
        default: throw Self.misunderstood
        }
    }

    @discardableResult
    package func delete(_ keys: [String]) async throws(CacheError) -> Int {
        for key in keys { try CacheRules.check(key: key) }
        var count = 0
        for start in stride(from: 0, to: keys.count, by: Self.batch) {
            let part = keys[start..<min(start + Self.batch, keys.count)].map { Array($0.utf8) }
            guard case .integer(let deleted) = try await ask(RedisCommand([Array("DEL".utf8)] + part)) else {
                throw Self.misunderstood
            }
            count += deleted
        }
        return count
    }

    package func increment(
        _ key: String, by amount: Int, timeToLive: Duration
    ) async throws(CacheError) -> Int {
        try CacheRules.check(key: key)
        let lifetime = try CacheRules.milliseconds(timeToLive)
        let arguments = [Array("\(amount)".utf8), Array("\(lifetime)".utf8)]
        switch try await reply(to: .increment, key, arguments) {
        case .integer(let sum): return sum
        case .error("ERR"): throw .invalidArgument("the key holds no counter, or one that would overflow")
        case let other: throw Self.error(of: other)
        }
    }

    package func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision {
        try CacheRules.check(key: key)
        let (seconds, attoseconds) = limit.window.components
        let window = max(seconds * 1_000_000 + attoseconds / 1_000_000_000_000, 1)
        let reply = try await run(.admit, key, [Array("\(limit.quota)".utf8), Array("\(window)".utf8)])
        guard case .array(let parts) = reply, parts.count == 4 else { throw Self.misunderstood }
        let numbers = parts.compactMap { part -> Int? in
            if case .integer(let number) = part { number } else { nil }
        }
        guard numbers.count == 4 else { throw Self.misunderstood }
        return RateDecision(
            isAllowed: numbers[0] == 1, remaining: numbers[1], reset: .microseconds(numbers[2]),
            retryAfter: .microseconds(numbers[3]))
    }

    package func publish(_ message: [UInt8], on channel: String) async throws(CacheError) {
        try CacheRules.check(key: channel)
        try CacheRules.check(value: message)
        let command = RedisCommand([Array("PUBLISH".utf8), Array(channel.utf8), message])
        guard case .integer = try await ask(command) else { throw Self.misunderstood }
    }

    /// Over a connection of its own, which is made again by itself when it is lost.
    package func messages(on channel: String) -> AsyncStream<[UInt8]> {
        AsyncStream(bufferingPolicy: .bufferingNewest(CacheRules.maxWaitingMessages)) { continuation in
            // Without a descriptor there are no messages, as while Redis can't be reached.
            guard let subscriber = try? RedisSubscriber(options, channel: channel) else {
                return continuation.finish()
            }
            let id = ObjectIdentifier(subscriber)
            let isOpen = listeners.withLock { listeners in
                listeners?[id] = Listener(subscriber: subscriber, continuation: continuation)
                return listeners != nil
            }
            guard isOpen else { return continuation.finish() }
            continuation.onTermination = { [weak self] _ in
                subscriber.close()
                self?.listeners.withLock { $0?[id] = nil }
            }
            subscriber.listen { continuation.yield($0) }
        }
    }

    package func ping() async throws(CacheError) {
        guard case .status = try await ask(RedisCommand("PING")) else { throw Self.misunderstood }
    }

    package func close() async {
        endListeners()
        await connection.close()
    }

    private func endListeners() {
        let ended = listeners.withLock { listeners in
            defer { listeners = nil }
            return listeners ?? [:]
        }
        for listener in ended.values { listener.continuation.finish() }
    }

    // MARK: - Asking

    private static let misunderstood = CacheError.unavailable("Redis answered in an unexpected form")

    /// Runs a script, which the server may have forgotten, as it does with `SCRIPT FLUSH` and a restart.
    private func run(
        _ script: RedisScript, _ key: String, _ arguments: [[UInt8]]
    ) async throws(CacheError) -> RedisReply {
        let reply = try await reply(to: script, key, arguments)
        guard case .error = reply else { return reply }
        throw Self.error(of: reply)
    }

    private func reply(
        to script: RedisScript, _ key: String, _ arguments: [[UInt8]]
    ) async throws(CacheError) -> RedisReply {
        let reply = try await connection.send(script.command(.byDigest, key, arguments))
        guard reply == .error("NOSCRIPT") else { return reply }
        return try await connection.send(script.command(.bySource, key, arguments))
    }

    private func ask(_ command: RedisCommand) async throws(CacheError) -> RedisReply {
        let reply = try await connection.send(command)
        guard case .error = reply else { return reply }
        throw Self.error(of: reply)
    }

    private static func error(of reply: RedisReply) -> CacheError {
        switch reply {
        case .error("WRONGTYPE"): .invalidArgument("the key holds something else")
        case .error(let code): .unavailable(RedisFailure(code: code).text)
        default: misunderstood
        }
    }
}
