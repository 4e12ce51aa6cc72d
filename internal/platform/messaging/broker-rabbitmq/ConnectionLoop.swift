import Foundation
import Glibc
import Logging
import Synchronization

/// What a thread does with its connection. All functions run on that thread.
protocol ConnectionWork: AnyObject, SendableMetatype {
    associatedtype Command: Sendable

    /// A new connection is logged in.
    func connected(_ connection: AMQPConnection) throws(AMQPFailure)
    func received(_ event: AMQPEvent, on connection: AMQPConnection) throws(AMQPFailure)
    /// The connection is nil while there is none.
    func perform(_ command: Command, on connection: AMQPConnection?) throws(AMQPFailure)
    /// The time of ``wake(on:)``, if there is something to do then.
    var nextWake: ContinuousClock.Instant? { get }
    func wake(on connection: AMQPConnection?) throws(AMQPFailure)
    /// The connection is lost, or could not be made.
    func disconnected(_ failure: AMQPFailure)
    /// The last call.
    func stopped(on connection: AMQPConnection?)
}

/// A thread with a connection that is made again whenever it is lost, and a mailbox of commands.
final class ConnectionLoop<Work: ConnectionWork>: Sendable {
    private struct State {
        var mailbox: [Work.Command] = []
        var isStopping = false
        var hasEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        var isWoken = false
        /// The socket in use, and since when the thread is inside the library with it.
        var socket: Int32 = -1
        var busySince: ContinuousClock.Instant?
    }

    private let options: RabbitMQOptions
    private let name: String
    private let logger: Logger
    private let state = Mutex(State())
    /// Both ends of a pipe that ends the thread's wait; closed by the thread.
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Starts the thread, which makes its work there.
    init(
        _ options: RabbitMQOptions, name: String, logger: Logger, work: @escaping @Sendable () -> Work
    ) {
        self.options = options
        self.name = name
        self.logger = logger
        var ends: [Int32] = [-1, -1]
        // The only way for this to fail is a process out of file descriptors.
        precondition(pipe(&ends) == 0, "no file descriptors for a pipe")
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        let thread = Thread { [self] in run(work()) }
        thread.name = name
        thread.start()
    }

    deinit {
        Glibc.close(wakeRead)
        Glibc.close(wakeWrite)
    }

    // MARK: - From other threads

    /// Hands over a command; false when the loop has stopped.
    func post(_ command: Work.Command) -> Bool {
        state.withLock { state in
            guard !state.isStopping else { return false }
            state.mailbox.append(command)
            wake(&state)
            return true
        }
    }

    /// Ends the thread, and waits for that. Repeating it is harmless.
    func stop() async {
        state.withLock { state in
            state.isStopping = true
            wake(&state)
        }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.ended() }
            tasks.addTask { [options] in
                // A thread that hangs in the library gets no answer any more.
                while (try? await Task.sleep(for: options.requestTimeout)) != nil { self.interrupt() }
            }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    /// Cuts the connection if the thread has been waiting in the library for longer than a request may take:
    /// writing to a server that does not read has no time-out of its own.
    func interrupt() {
        state.withLock { state in
            guard state.socket >= 0, let since = state.busySince,
                ContinuousClock.now - since >= options.requestTimeout
            else { return }
            Glibc.shutdown(state.socket, Int32(SHUT_RDWR))
        }
    }

    private func ended() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    private func wake(_ state: inout State) {
        guard !state.isWoken else { return }
        state.isWoken = true
        var byte: UInt8 = 1
        // The pipe is empty: it holds one byte at most.
        _ = write(wakeWrite, &byte, 1)
    }

    // MARK: - On the thread

    private func run(_ work: Work) {
        var failures = 0
        var host = Int.random(in: 0..<options.hosts.count)
        var connection: AMQPConnection?
        while !isStopping {
            do {
                let made = try busy { () throws(AMQPFailure) in
                    try AMQPConnection(options, host: options.hosts[host], name: name) { socket in
                        state.withLock { $0.socket = socket }
                    }
                }
                connection = made
                try busy { () throws(AMQPFailure) in try work.connected(made) }
                if failures > 0 { logger.info("\(name): connected again") }
                failures = 0
                try serve(made, work)
            } catch {
                failures += 1
                host = (host + 1) % options.hosts.count
                // Before the descriptor is closed and may be another's.
                state.withLock { $0.socket = -1 }
                connection = nil
                work.disconnected(error)
                logger.warning("\(name), failure \(failures): \(error.detail)")
                idle(work, for: delay(afterFailures: failures))
            }
        }
        busy {
            drain(work, connection)
            work.stopped(on: connection)
            connection?.close()
        }
        state.withLock { $0.socket = -1 }
        connection = nil
        let waiters = state.withLock { state in
            state.hasEnded = true
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Until the loop is stopped.
    private func serve(_ connection: AMQPConnection, _ work: Work) throws(AMQPFailure) {
        while !isStopping {
            let isIdle = try busy { () throws(AMQPFailure) in
                for command in takeCommands() { try work.perform(command, on: connection) }
                if let due = work.nextWake, due <= .now { try work.wake(on: connection) }
                // Some at a time, so that commands get their turn.
                for _ in 0..<256 {
                    guard let event = try connection.receive() else { return true }
                    try work.received(event, on: connection)
                }
                return false
            }
            // The library has to be called for heartbeats now and then.
            if isIdle { wait(for: connection.descriptor, until: work.nextWake, atMost: .seconds(1)) }
        }
    }

    /// Without a connection.
    private func idle(_ work: Work, for delay: Duration) {
        let end = ContinuousClock.now + delay
        while !isStopping, ContinuousClock.now < end {
            wait(for: nil, until: min(end, work.nextWake ?? end), atMost: delay)
            drain(work, nil)
            if let due = work.nextWake, due <= .now { try? work.wake(on: nil) }
        }
    }

    private func drain(_ work: Work, _ connection: AMQPConnection?) {
        for command in takeCommands() {
            // Fails where the connection does, which the caller is about to leave.
            try? work.perform(command, on: connection)
        }
    }

    private func takeCommands() -> [Work.Command] {
        state.withLock { state in
            if state.isWoken {
                var byte: UInt8 = 0
                _ = read(wakeRead, &byte, 1)
                state.isWoken = false
            }
            defer { state.mailbox = [] }
            return state.mailbox
        }
    }

    /// Until something can be read, a command comes, or the time has come.
    private func wait(
        for descriptor: Int32?, until wake: ContinuousClock.Instant?, atMost limit: Duration
    ) {
        let duration = min(limit, wake.map { max(.zero, $0 - .now) } ?? limit)
        let milliseconds =
            duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
        var descriptors = [pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)]
        if let descriptor { descriptors.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        // Rounded up: a wait of a fraction must not spin.
        _ = poll(&descriptors, UInt(descriptors.count), Int32(milliseconds + 1))
    }

    private func busy<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        state.withLock { $0.busySince = .now }
        defer { state.withLock { $0.busySince = nil } }
        return try body()
    }

    /// Doubles with every failure, with full jitter, so that the processes of a cluster do not come back at once.
    private func delay(afterFailures failures: Int) -> Duration {
        let first = options.maximumReconnectDelay / 50
        let ceiling = min(options.maximumReconnectDelay, first * (1 << min(failures - 1, 10)))
        return ceiling * Double.random(in: 0.5...1)
    }
}
