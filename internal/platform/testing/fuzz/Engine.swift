import Glibc

/// Runs the plans of connections, many at a time, on one thread.
struct Engine {
    struct Figures {
        var finished = 0
        var connected = 0
        var answered = 0
        var bytesSent = 0
    }

    private struct Running {
        let plan: ConnectionPlan
        let descriptor: Int32
        var isConnected = false
        var piece = 0
        var sent = 0
        var hasAnswer = false
        /// What it waits for, and when that is over, in milliseconds.
        var waitsForAnswer = false
        var resumesAt: Int64?
        var isHalfClosed = false
        var deadline: Int64
    }

    private static let patienceMilliseconds: Int64 = 2_000

    private(set) var figures = Figures()
    private let ports: [UInt16]
    private var running: [Running] = []
    private var polled: [pollfd] = []
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    init(ports: [UInt16]) {
        self.ports = ports
    }

    var active: Int { running.count }

    /// False where there is no connection to be had now.
    mutating func open(_ plan: ConnectionPlan) -> Bool {
        guard let descriptor = Socket.connecting(from: plan.sourceAddress, to: ports[plan.target]) else {
            figures.finished += 1
            return false
        }
        running.append(
            Running(plan: plan, descriptor: descriptor, deadline: Self.now() + Self.patienceMilliseconds))
        return true
    }

    /// Lets all connections go on as far as they can, waiting for a few milliseconds at most.
    mutating func turn() {
        polled.removeAll(keepingCapacity: true)
        for one in running {
            let wantsOut = !one.isConnected || one.resumesAt == nil && one.piece < one.plan.pieces.count
            polled.append(
                pollfd(fd: one.descriptor, events: Int16(POLLIN | (wantsOut ? POLLOUT : 0)), revents: 0))
        }
        _ = poll(&polled, nfds_t(polled.count), 1)
        let now = Self.now()
        var kept = 0
        for index in running.indices {
            var one = running[index]
            if advance(&one, Int32(polled[index].revents), now) {
                running[kept] = one
                kept += 1
            } else {
                figures.finished += 1
            }
        }
        running.removeLast(running.count - kept)
    }

    /// False when the connection is over.
    private mutating func advance(_ one: inout Running, _ events: Int32, _ now: Int64) -> Bool {
        if now > one.deadline { return finish(one, reset: true) }
        if !one.isConnected {
            guard events & (POLLOUT | POLLERR | POLLHUP) != 0 else { return true }
            guard events & (POLLERR | POLLHUP) == 0 else { return finish(one, reset: true) }
            one.isConnected = true
            figures.connected += 1
        }
        if events & POLLIN != 0 {
            guard receive(&one) else { return finish(one, reset: false) }
        } else if events & (POLLERR | POLLHUP) != 0 {
            return finish(one, reset: true)
        }
        if let until = one.resumesAt {
            guard now >= until || one.waitsForAnswer && one.hasAnswer else { return true }
            one.resumesAt = nil
            one.waitsForAnswer = false
        }
        return send(&one, now)
    }

    /// False at the end of what the server sends.
    private mutating func receive(_ one: inout Running) -> Bool {
        let count = recv(one.descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return count < 0 && errno == EAGAIN }
        if !one.hasAnswer { figures.answered += 1 }
        one.hasAnswer = true
        return true
    }

    private mutating func send(_ one: inout Running, _ now: Int64) -> Bool {
        while one.piece < one.plan.pieces.count {
            let piece = one.plan.pieces[one.piece]
            let rest = piece.range.dropFirst(one.sent)
            if !rest.isEmpty {
                let count = one.plan.bytes.withUnsafeBytes { bytes in
                    let part = UnsafeRawBufferPointer(rebasing: bytes[rest])
                    return Glibc.send(
                        one.descriptor, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else {
                    return errno == EAGAIN ? true : finish(one, reset: true)
                }
                figures.bytesSent += count
                one.sent += count
                guard one.sent == piece.range.count else { return true }
            }
            one.piece += 1
            one.sent = 0
            if wait(&one, piece.after, now) { return true }
        }
        return end(&one, now)
    }

    private mutating func end(_ one: inout Running, _ now: Int64) -> Bool {
        switch one.plan.end {
        case .close: return finish(one, reset: false)
        case .reset: return finish(one, reset: true)
        case .halfClose(let pause, let reset):
            guard !one.isHalfClosed else { return finish(one, reset: reset) }
            one.isHalfClosed = true
            shutdown(one.descriptor, Int32(SHUT_WR))
            return wait(&one, pause, now) ? true : finish(one, reset: reset)
        }
    }

    /// False where there is nothing to wait for.
    private func wait(_ one: inout Running, _ pause: ConnectionPlan.Pause, _ now: Int64) -> Bool {
        switch pause {
        case .none: return false
        case .milliseconds(let count): one.resumesAt = now + Int64(count)
        case .answer(let count):
            guard !one.hasAnswer else { return false }
            one.resumesAt = now + Int64(count)
            one.waitsForAnswer = true
        }
        return true
    }

    private func finish(_ one: Running, reset: Bool) -> Bool {
        Socket.end(one.descriptor, reset: reset)
        return false
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
