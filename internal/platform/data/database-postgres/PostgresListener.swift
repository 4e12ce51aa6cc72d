import Foundation
import Logging
import SoukDatabase
import Synchronization

/// Signals of all channels (`LISTEN`), over one connection with a thread of its own that starts with the first
/// listener.
final class PostgresListener: Sendable {
    private struct State {
        var listeners: [String: [UInt64: AsyncStream<Void>.Continuation]] = [:]
        var nextID: UInt64 = 0
        var waker: Waker?
        var isEnding = false
        var hasEnded = false
        var enders: [CheckedContinuation<Void, Never>] = []
    }

    private let core: Core

    init(_ options: PostgresOptions) {
        core = Core(options)
    }

    /// As `Database` says.
    func signals(on channel: String) -> AsyncStream<Void> {
        precondition(
            !channel.isEmpty && channel.utf8.count < 64
                && channel.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 },
            "a channel is lower-case letters and underscores")
        return core.add(channel)
    }

    /// Ends all streams, and the thread soon.
    func end() {
        core.end()
    }

    /// Ends all streams and waits for the thread.
    func close() async {
        core.end()
        await withCheckedContinuation { core.whenEnded($0) }
    }

    /// What the thread works on; it outlives the listener until it is told to end.
    private final class Core: Sendable {
        private let options: PostgresOptions
        private let state = Mutex(State())

        init(_ options: PostgresOptions) {
            var options = options
            options.applicationName += " listener"
            self.options = options
        }

        func add(_ channel: String) -> AsyncStream<Void> {
            let (stream, continuation) = AsyncStream.makeStream(
                of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let id: UInt64? = state.withLock { state in
                guard !state.isEnding, start(&state) else { return nil }
                state.nextID += 1
                // Whoever comes later missed the signal that listening began with.
                if state.listeners[channel] != nil { continuation.yield() }
                state.listeners[channel, default: [:]][state.nextID] = continuation
                return state.nextID
            }
            guard let id else {
                continuation.finish()
                return stream
            }
            continuation.onTermination = { [weak self] _ in self?.remove(id, from: channel) }
            state.withLock { $0.waker?.wake() }
            return stream
        }

        /// Whether the thread runs; without a file descriptor to wake it by there are no signals.
        private func start(_ state: inout State) -> Bool {
            if state.waker != nil { return true }
            guard let waker = try? Waker() else { return false }
            state.waker = waker
            let thread = Thread { self.loop(waker) }
            thread.name = "souk-postgres-listen"
            thread.start()
            return true
        }

        private func remove(_ id: UInt64, from channel: String) {
            state.withLock { state in
                state.listeners[channel]?[id] = nil
                if state.listeners[channel]?.isEmpty == true { state.listeners[channel] = nil }
                state.waker?.wake()
            }
        }

        func end() {
            let listeners = state.withLock { state in
                state.isEnding = true
                state.waker?.wake()
                defer { state.listeners = [:] }
                return state.listeners
            }
            for each in listeners.values.flatMap(\.values) { each.finish() }
        }

        func whenEnded(_ ender: CheckedContinuation<Void, Never>) {
            let hasEnded = state.withLock { state in
                if state.hasEnded || state.waker == nil { return true }
                state.enders.append(ender)
                return false
            }
            if hasEnded { ender.resume() }
        }

        private func signal(_ channels: some Sequence<String>) {
            let listeners = state.withLock { state in
                Set(channels).flatMap { state.listeners[$0].map { Array($0.values) } ?? [] }
            }
            for listener in listeners { listener.yield() }
        }

        private func loop(_ waker: Waker) {
            var ear = PostgresEar(options, waker)
            while true {
                let (channels, isEnding) = state.withLock { (Set($0.listeners.keys), $0.isEnding) }
                if isEnding { break }
                signal(ear.hear(channels))
            }
            ear.hangUp()
            let enders = state.withLock { state in
                state.hasEnded = true
                defer { state.enders = [] }
                return state.enders
            }
            for ender in enders { ender.resume() }
        }
    }
}

/// The connection that listens. Used on one thread only.
private struct PostgresEar {
    private let options: PostgresOptions
    private let waker: Waker
    private let connect = SharedConnectBackoff()
    private var handle: PostgresHandle?
    private var channels: Set<String> = []

    init(_ options: PostgresOptions, _ waker: Waker) {
        self.options = options
        self.waker = waker
    }

    mutating func hangUp() {
        handle = nil
        channels = []
    }

    /// Waits for something to happen.
    ///
    /// - Returns: Channels that were signalled, or are listened to anew and may have been signalled before.
    mutating func hear(_ wanted: Set<String>) -> Set<String> {
        if handle?.isBroken == true || wanted.isEmpty { hangUp() }
        guard !wanted.isEmpty else {
            _ = waker.wait(timeout: nil)
            return []
        }
        do {
            let handle = try handle ?? connect.connect(options, waker: waker)
            self.handle = handle
            let new = wanted.subtracting(channels)
            let old = channels.subtracting(wanted)
            if !new.isEmpty || !old.isEmpty {
                try handle.runAll(new.map { "LISTEN \($0)" } + old.map { "UNLISTEN \($0)" })
                channels = wanted
                // The wait for the replies has taken what woke the thread meanwhile: more may be wanted by now, or
                // nothing any more. Signals may come together with the replies, too.
                return new.union(handle.takeNotifications())
            }
            let signalled = Set(handle.takeNotifications())
            guard signalled.isEmpty else { return signalled }
            let events = waker.wait(socket: handle.socket, timeout: options.healthCheckInterval)
            if events.isReadable {
                handle.absorb()
            } else if !events.isWoken, !handle.check() {
                handle.markBroken()
            }
            return Set(handle.takeNotifications())
        } catch {
            hangUp()
            // Longer than the pause that the backoff asks for costs little: whoever waits looks by himself.
            _ = waker.wait(timeout: .milliseconds(250))
            return []
        }
    }
}
