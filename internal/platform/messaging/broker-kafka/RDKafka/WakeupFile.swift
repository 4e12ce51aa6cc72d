import CRDKafka
import Glibc
import SoukBroker

/// An `eventfd`: wakes the thread that waits for it, from any thread and from librdkafka's queues.
final class WakeupFile: Sendable {
    private let descriptor: Int32

    /// - Throws: ``BrokerError/Reason/unavailable`` when the process may open no more files.
    init() throws(BrokerError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else {
            throw BrokerError(.unavailable, detail: "eventfd: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Ends the present or the next ``wait(milliseconds:)``.
    func wake() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the thread wakes anyway.
        _ = Glibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Has a queue that becomes non-empty wake the thread. The file must outlive the queue's client.
    func attach(to queue: OpaquePointer) {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Returns when woken, or after the time; at once when woken since the last call.
    func wait(milliseconds: Int32) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return }
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
