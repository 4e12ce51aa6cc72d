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
        /// Whether the thread has been woken for what is in the queue.
        var isRung = false
        /// Written and not answered, in this order.
        var underWay = RequestQueue<Request>()
        /// The connection's descriptor while nothing but complete commands was written to it; -1 otherwise.
        var writable: Int32 = -1
        /// A command was written in part: the connection is of no use any more.
        var isTorn = false
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
        var isWriting = false
        var isConnecting = false
        var connectedAt: ContinuousClock.Instant?
        /// In a row; connections that did not last count too.
        var failures = 0
        var nextAttempt: ContinuousClock.Instant?
    }

    /// Bytes of commands that are queued or under way.
    private static let maxBytes = 64 << 20
    /// Up to here a command is written by the task that asks, where nothing else is under way.
    private static let directBytes = 4_096

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
        let (refusal, isFirst, mustRing): (CacheError?, Bool, Bool) = state.withLock { state in
            switch state.phase {
            case .closed: return (.closed, false, false)
            case .down(let reason): return (.unavailable(reason), false, false)
            case .idle, .connecting, .up: break
            }
            guard state.count < options.pipelineLimit,
                state.bytes + request.command.bytes.count <= Self.maxBytes
            else { return (.unavailable("too many commands wait for Redis"), false, false) }
            state.count += 1
            state.bytes += request.command.bytes.count
            if Self.isWrittenAtOnce(request, &state) { return (nil, false, state.isTorn) }
            state.queue.append(request)
            let isFirst = !state.isThreadRunning
            state.isThreadRunning = true
            defer { state.isRung = true }
            return (nil, isFirst, !state.isRung)
        }
        if let refusal { return request.continuation.resume(returning: .failure(refusal)) }
        if isFirst {
            Self.onThread("souk-redis") { self.run() }
        } else if mustRing {
            alarm.ring()
        }
    }

    /// Writes a small command to a connection that is at rest, which spares the thread's waking; the thread reads the
    /// answer. Where several tasks ask at once the commands of all but the first go out together.
    private static func isWrittenAtOnce(_ request: Request, _ state: inout State) -> Bool {
        let bytes = request.command.bytes
        guard state.writable >= 0, state.queue.isEmpty, state.underWay.isEmpty, bytes.count <= directBytes
        else { return false }
        let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        let written = bytes.withUnsafeBytes {
            Foundation.send(state.writable, $0.baseAddress, $0.count, flags)
        }
        guard written > 0 else { return false }
        state.underWay.append(request)
        if written < bytes.count {
            state.isTorn = true
            state.writable = -1
        }
        return true
    }

    static func onThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
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
                state.isRung = false
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
                let requests = state.queue
                state.queue = []
                for request in requests { state.underWay.append(request) }
                // Until they are written, others must not get before them.
                if !requests.isEmpty { state.writable = -1 }
                return requests
            }
            for request in requests { link.append(request.command) }
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
                state.writable = link.descriptor
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
            if !loop.isWriting { state.withLock { $0.writable = link.descriptor } }
        }
        let isReadable = alarm.wait(
            for: loop.link?.descriptor, toWrite: loop.isWriting, atMost: untilNextEvent(loop))
        if state.withLock({ $0.isTorn }) {
            return goDown(RedisFailure("Redis took a part of a command only"), &loop)
        }
        guard isReadable, let link = loop.link else { return }
        do throws(RedisFailure) {
            try link.read()
        } catch {
            return state.withLock({ $0.underWay.isEmpty }) ? rest(&loop) : goDown(error, &loop)
        }
        var replies: [RedisReply] = []
        var failure: RedisFailure?
        do throws(RedisFailure) {
            while failure == nil, let reply = try link.nextReply() {
                replies.append(reply)
                if case .error(let code) = reply, RedisFailure(code: code).endsConnection {
                    failure = RedisFailure(code: code)
                }
            }
        } catch {
            failure = error
        }
        if !answer(replies) { failure = RedisFailure("Redis sent an answer that nobody asked for") }
        if let failure { goDown(failure, &loop) }
    }

    /// Gives the answers to those who wait longest; false where there are more answers than questions.
    private func answer(_ replies: [RedisReply]) -> Bool {
        let requests = state.withLock { state in
            var requests: [Request] = []
            requests.reserveCapacity(replies.count)
            while requests.count < replies.count, let request = state.underWay.popFirst() {
                state.count -= 1
                state.bytes -= request.command.bytes.count
                requests.append(request)
            }
            return requests
        }
        for (request, reply) in zip(requests, replies) {
            request.continuation.resume(returning: .success(reply))
        }
        return requests.count == replies.count
    }

    /// Fails what is overdue. The oldest command of a connection being overdue means that the server is stuck.
    private func expire(_ loop: inout Loop) {
        let now = ContinuousClock.now
        if let oldest = state.withLock({ $0.underWay.first }), oldest.deadline <= now {
            return goDown(RedisFailure("Redis did not answer in time"), &loop)
        }
        guard loop.link == nil else { return }
        let isOverdue = state.withLock { $0.queue.first.map { $0.deadline <= now } ?? false }
        if isOverdue { failQueue(RedisFailure("Redis could not be reached in time")) }
    }

    /// The server closed an idle connection, as it may: the next command waits for a new one.
    private func rest(_ loop: inout Loop) {
        let isAtRest = state.withLock { state in
            // Somebody has written to it just now.
            guard state.underWay.isEmpty else { return false }
            state.writable = -1
            if case .up = state.phase { state.phase = .idle }
            return true
        }
        guard isAtRest else { return goDown(RedisFailure("Redis closed the connection"), &loop) }
        loop.link = nil
        loop.isWriting = false
    }

    private func goDown(_ failure: RedisFailure, _ loop: inout Loop) {
        let lost = forgetLink()
        loop.link = nil
        loop.isWriting = false
        if let since = loop.connectedAt, .now - since > options.maximumReconnectDelay { loop.failures = 0 }
        loop.connectedAt = nil
        loop.failures += 1
        loop.nextAttempt = .now + options.delay(afterFailures: loop.failures)
        for request in lost { finish(request, .failure(.unavailable(failure.text))) }
        failQueue(failure)
        if loop.failures == 1 || loop.failures.isMultiple(of: 100) {
            logger.warning("redis is away", metadata: ["error": "\(failure.text)"])
        }
    }

    /// Nobody may write to the connection any more; gives what was under way.
    private func forgetLink() -> [Request] {
        state.withLock { state in
            state.writable = -1
            state.isTorn = false
            var requests: [Request] = []
            while let request = state.underWay.popFirst() { requests.append(request) }
            return requests
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
        let lost = forgetLink()
        loop.link = nil
        for request in lost { finish(request, .failure(.closed)) }
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

    private var lookEvery: Duration { max(options.commandTimeout / 4, .milliseconds(10)) }

    private func untilNextEvent(_ loop: Loop) -> Duration? {
        let now = ContinuousClock.now
        let (oldest, queued) = state.withLock { ($0.underWay.first?.deadline, $0.queue.first?.deadline) }
        // What tasks write themselves wakes nobody: it is looked at now and then, to be given up in time.
        guard loop.link == nil else {
            return min(oldest.map { max($0 - now, .zero) } ?? lookEvery, lookEvery)
        }
        let attempt = loop.isConnecting ? nil : loop.nextAttempt
        return [oldest, queued, attempt].compactMap { $0 }.min().map { max($0 - now, .zero) }
    }
}
