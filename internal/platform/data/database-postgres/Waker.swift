import CPQ
import Glibc
import SoukDatabase
import Synchronization

/// Wakes a thread that waits for its sockets: an event counter that `poll` can wait for as well.
final class Waker: Sendable {
    let descriptor: Int32

    /// - Throws: `.connection` where the process has no file descriptor left.
    init() throws(DatabaseError) {
        descriptor = souk_eventfd()
        guard descriptor >= 0 else {
            throw DatabaseError(.connection, detail: "no file descriptor is left")
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Ends the present wait, or the next one. Safe from every thread.
    func wake() {
        var one: UInt64 = 1
        // The only failure is a counter that is full, which wakes as well.
        _ = Glibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Forgets who woke it; the thread that waits calls it and then looks what there is to do.
    func reset() {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size)
    }

    /// What a wait found.
    struct Events {
        var isWoken = false
        var isReadable = false
        var isWritable = false
    }

    /// Waits until it is woken, the socket is ready, or the time is up.
    ///
    /// - Parameter socket: -1 for none.
    /// - Parameter timeout: Nil for as long as it takes.
    func wait(socket: Int32 = -1, writing: Bool = false, timeout: Duration?) -> Events {
        // A tuple, which needs no memory of its own.
        var descriptors = (
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN | (writing ? POLLOUT : 0)), revents: 0)
        )
        // Rounded up: a wait of no time would spin.
        let milliseconds = timeout.map { Int32(min(max(0, ($0 / .milliseconds(1)).rounded(.up)), 1e9)) } ?? -1
        var events = Events()
        // Interrupted by a signal it is as if the time were up: all who wait look at their clocks.
        let ready = withUnsafeMutableBytes(of: &descriptors) {
            poll($0.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, milliseconds)
        }
        guard ready > 0 else { return events }
        if descriptors.0.revents != 0 {
            reset()
            events.isWoken = true
        }
        // Errors and the end of the stream are found by reading.
        events.isReadable = descriptors.1.revents & Int16(POLLIN | POLLERR | POLLHUP | POLLNVAL) != 0
        events.isWritable = descriptors.1.revents & Int16(POLLOUT) != 0
        return events
    }
}

/// A task's wish that the statement it waits for ends.
final class PostgresCancellation: Sendable {
    private let flag = Atomic(false)
    private let waker: Waker

    init(_ waker: Waker) {
        self.waker = waker
    }

    var isRequested: Bool { flag.load(ordering: .acquiring) }

    func request() {
        flag.store(true, ordering: .releasing)
        waker.wake()
    }
}
