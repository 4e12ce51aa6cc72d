import Foundation
import SoukCache

/// Wakes a thread that waits for a socket.
final class WakePipe: Sendable {
    private let reader: Int32
    private let writer: Int32

    init() throws(CacheError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw .unavailable("no pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        Foundation.close(reader)
        Foundation.close(writer)
    }

    /// Ends the present wait, or the next one.
    func ring() {
        var byte: UInt8 = 1
        // A full pipe rings anyway.
        _ = Foundation.write(writer, &byte, 1)
    }

    /// Waits until the socket has something to read or takes more, somebody rings, or the time is over. True when there
    /// is something to read on the socket, its end included.
    func wait(for socket: Int32?, toWrite: Bool, atMost limit: Duration?) -> Bool {
        let wanted = Int16(POLLIN) | (toWrite ? Int16(POLLOUT) : 0)
        // A tuple, which needs no memory of its own.
        var watched = (
            pollfd(fd: reader, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket ?? -1, events: wanted, revents: 0)
        )
        let milliseconds = limit.map { Int32(clamping: ($0 / .milliseconds(1)).rounded(.up).bounded) } ?? -1
        let ready = withUnsafeMutableBytes(of: &watched) {
            poll($0.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, milliseconds)
        }
        guard ready > 0 else { return false }
        if watched.0.revents != 0 {
            var bytes: UInt64 = 0
            while Foundation.read(reader, &bytes, MemoryLayout<UInt64>.size) == MemoryLayout<UInt64>.size {}
        }
        return watched.1.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
    }
}

extension Double {
    /// As a whole number, cut off where it leaves the range of milliseconds that can be waited for.
    fileprivate var bounded: Int { Int(Swift.min(Swift.max(self, 0), 86_400_000)) }
}
