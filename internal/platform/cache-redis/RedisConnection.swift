import Foundation
import Logging
import SoukCache
import Synchronization

/// One pipelined connection, served by a thread of its own: commands of all tasks go out as they come, answers come
/// back in the same order.
///
/// Commands wait for the first connection, and fail at once while a later one can't be had; the thread keeps trying, at
/// ever longer intervals. A command that is not answered in time ends the connection: its late answer can reach nobody,
/// and whatever comes next need not find out again that the server is stuck.
///
/// The threads hold the connection; whoever made it must ``shutDown()``.
final class RedisConnection: Sendable {
    private struct Request: Sendable {
        let command: RedisCommand
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Result<RedisReply, CacheError>, Never>
    }

    private enum Phase {
        /// Nobody has asked for anything, yet or since the server closed an idle connection.
        case idle
        /// Commands wait for the connection.
        case connecting
        case up
        /// Commands fail at once, because of this.
        case down(String)
        case closed
    }

    private struct State {
        var phase = Phase.idle
        /// Not yet taken by the thread.
        var queue: [Request] = []
        /// Commands that are queued or under way, and their bytes.
        var count = 0
        var bytes = 0
        /// What came of an attempt to connect, until the thread takes it.
        var connected: Result<RedisLink, RedisFailure>?
        var isThreadRunning = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    /// What the thread alone knows.
    private struct Loop {
        var link: RedisLink?
        var underWay = RequestQueue<Request>()
        var isWriting = false
        var isConnecting = false
        var connectedAt: ContinuousClock.Instant?
        /// In a row; connections that did not last count too.
        var failures = 0
        var nextAttempt: ContinuousClock.Instant?
    }

    /// Bytes of commands that are queued or under way.
    private static let maxBytes = 64 << 20

    private let options: RedisOptions
    private let state = Mutex(State())
    private let alarm: WakePipe
    private let logger = Logger(label: "souk.redis")

    /// - Throws: `.unavailable` when the system has no more descriptors.
    init(_ options: RedisOptions) throws(CacheError) {
        self.options = options
        alarm = try WakePipe()
    }

    /// The server's answer.
    ///
    /// - Throws: `.unavailable` when there is none in time, `.closed`.
    func send(_ command: RedisCommand) async throws(CacheError) -> RedisReply {
        let deadline = ContinuousClock.now + options.commandTimeout
        let result = await withCheckedContinuation { continuation in
            submit(Request(command: command, deadline: deadline, continuation: continuation))
        }
        return try result.get()
    }

    /// Ends the connection and its thread; commands that are not answered yet fail with `.closed`.
    func close() async {
        shutDown()
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isThreadRunning { state.closers.append(continuation) }
                return !state.isThreadRunning
            }
            if isOver { continuation.resume() }
        }
    }

    /// As ``close()``, without waiting.
    func shutDown() {
        state.withLock { $0.phase = .closed }
        alarm.ring()
    }

    private func submit(_ request: Request) {
        let (refusal, isFirst): (CacheError?, Bool) = state.withLock { state in
            switch state.phase {
            case .closed: return (.closed, false)
            case .down(let reason): return (.unavailable(reason), false)
            case .idle, .connecting, .up: break
            }
            guard state.count < options.pipelineLimit,
                state.bytes + request.command.bytes.count <= Self.maxBytes
            else { return (.unavailable("too many commands wait for Redis"), false) }
            state.queue.append(request)
            state.count += 1
            state.bytes += request.command.bytes.count
            let isFirst = !state.isThreadRunning
            state.isThreadRunning = true
            return (nil, isFirst)
        }
        if let refusal { return request.continuation.resume(returning: .failure(refusal)) }
        if isFirst {
            Self.onThread("souk-redis") { self.run() }
        } else {
            alarm.ring()
        }
    }

    private static func onThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            // A write to a connection that the server has closed is an error, not a signal.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            body()
        }
        thread.name = name
        thread.start()
    }

    // MARK: - On the thread

    private func run() {
        var loop = Loop()
        while takeOver(&loop) {
            exchange(&loop)
            expire(&loop)
        }
        end(&loop)
    }

    /// Takes what the tasks and the connector have left; false when it is time to end.
    private func takeOver(_ loop: inout Loop) -> Bool {
        let (isClosed, isWanted, connected): (Bool, Bool, Result<RedisLink, RedisFailure>?) =
            state.withLock { state in
                if case .closed = state.phase { return (true, false, nil) }
                if case .idle = state.phase, !state.queue.isEmpty { state.phase = .connecting }
                defer { state.connected = nil }
                if case .connecting = state.phase { return (false, true, state.connected) }
                return (false, false, state.connected)
            }
        if isClosed { return false }
        if let connected { adopt(connected, &loop) }
        if loop.link == nil, !loop.isConnecting {
            if loop.nextAttempt.map({ $0 <= .now }) ?? isWanted { connect(&loop) }
        }
        if let link = loop.link {
            let requests = state.withLock { state in
                defer { state.queue.removeAll(keepingCapacity: true) }
                return state.queue
            }
            for request in requests {
                link.append(request.command)
                loop.underWay.append(request)
            }
            if !requests.isEmpty { loop.isWriting = true }
        }
        return true
    }

    private func connect(_ loop: inout Loop) {
        loop.isConnecting = true
        loop.nextAttempt = nil
        let (options, state, alarm) = (options, self, alarm)
        // Of its own, because resolving a name blocks for as long as it pleases.
        Self.onThread("souk-redis-connect") {
            let result: Result<RedisLink, RedisFailure>
            do throws(RedisFailure) {
                result = .success(try RedisLink.connect(options))
            } catch {
                result = .failure(error)
            }
            state.state.withLock { state in
                if case .closed = state.phase { return }
                state.connected = result
            }
            alarm.ring()
        }
    }

    private func adopt(_ result: Result<RedisLink, RedisFailure>, _ loop: inout Loop) {
        loop.isConnecting = false
        switch result {
        case .success(let link):
            loop.link = link
            loop.connectedAt = .now
            let wasDown = state.withLock { state in
                defer { if case .closed = state.phase {} else { state.phase = .up } }
                if case .down = state.phase { return true }
                return false
            }
            if wasDown { logger.info("redis is back", metadata: ["endpoint": "\(options.endpoint)"]) }
        case .failure(let failure):
            goDown(failure, &loop)
        }
    }

    /// Writes and reads until there is something to do.
    private func exchange(_ loop: inout Loop) {
        if let link = loop.link, loop.isWriting {
            do throws(RedisFailure) {
                loop.isWriting = try !link.write()
            } catch {
                return goDown(error, &loop)
            }
        }
        let isReadable = alarm.wait(
            for: loop.link?.descriptor, toWrite: loop.isWriting, atMost: untilNextEvent(loop))
        guard isReadable, let link = loop.link else { return }
        do throws(RedisFailure) {
            try link.read()
        } catch {
            return loop.underWay.isEmpty ? rest(&loop) : goDown(error, &loop)
        }
        do throws(RedisFailure) {
            while let reply = try link.nextReply() {
                guard let request = loop.underWay.popFirst() else {
                    throw RedisFailure("Redis sent an answer that nobody asked for")
                }
                finish(request, .success(reply))
                if case .error(let code) = reply, RedisFailure(code: code).endsConnection {
                    throw RedisFailure(code: code)
                }
            }
        } catch {
            goDown(error, &loop)
        }
    }

    /// Fails what is overdue. The oldest command of a connection being overdue means that the server is stuck.
    private func expire(_ loop: inout Loop) {
        let now = ContinuousClock.now
        if let oldest = loop.underWay.first, oldest.deadline <= now {
            return goDown(RedisFailure("Redis did not answer in time"), &loop)
        }
        guard loop.link == nil else { return }
        let isOverdue = state.withLock { $0.queue.first.map { $0.deadline <= now } ?? false }
        if isOverdue { failQueue(RedisFailure("Redis could not be reached in time")) }
    }

    /// The server closed an idle connection, as it may: the next command waits for a new one.
    private func rest(_ loop: inout Loop) {
        loop.link = nil
        loop.isWriting = false
        state.withLock { if case .up = $0.phase { $0.phase = .idle } }
    }

    private func goDown(_ failure: RedisFailure, _ loop: inout Loop) {
        loop.link = nil
        loop.isWriting = false
        if let since = loop.connectedAt, .now - since > options.maximumReconnectDelay { loop.failures = 0 }
        loop.connectedAt = nil
        loop.failures += 1
        loop.nextAttempt = .now + delay(afterFailures: loop.failures)
        while let request = loop.underWay.popFirst() { finish(request, .failure(.unavailable(failure.text))) }
        failQueue(failure)
        if loop.failures == 1 || loop.failures.isMultiple(of: 100) {
            logger.warning("redis is away", metadata: ["error": "\(failure.text)"])
        }
    }

    /// Nobody waits any more, and whoever comes next need not either.
    private func failQueue(_ failure: RedisFailure) {
        let requests = state.withLock { state in
            if case .closed = state.phase { return [Request]() }
            state.phase = .down(failure.text)
            defer { state.queue.removeAll() }
            return state.queue
        }
        for request in requests { finish(request, .failure(.unavailable(failure.text))) }
    }

    private func finish(_ request: Request, _ result: Result<RedisReply, CacheError>) {
        state.withLock { state in
            state.count -= 1
            state.bytes -= request.command.bytes.count
        }
        request.continuation.resume(returning: result)
    }

    private func end(_ loop: inout Loop) {
        loop.link = nil
        while let request = loop.underWay.popFirst() { finish(request, .failure(.closed)) }
        let (requests, closers) = state.withLock { state in
            state.isThreadRunning = false
            state.connected = nil
            defer {
                state.queue.removeAll()
                state.closers.removeAll()
            }
            return (state.queue, state.closers)
        }
        for request in requests { finish(request, .failure(.closed)) }
        for closer in closers { closer.resume() }
    }

    private func delay(afterFailures failures: Int) -> Duration {
        let ceiling = min(
            options.reconnectDelay * (1 << min(failures - 1, 20)), options.maximumReconnectDelay)
        return ceiling * Double.random(in: 0.5...1)
    }

    private func untilNextEvent(_ loop: Loop) -> Duration? {
        let queued = loop.link == nil ? state.withLock { $0.queue.first?.deadline } : nil
        let attempt = loop.isConnecting || loop.link != nil ? nil : loop.nextAttempt
        return [loop.underWay.first?.deadline, queued, attempt].compactMap { $0 }.min().map {
            max($0 - .now, .zero)
        }
    }
}
