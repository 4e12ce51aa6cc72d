import CHiredis
import Foundation
import SoukEnv

/// One open connection: the owner of hiredis' context.
///
/// Unchecked: made on one thread, then handed to another, which alone uses it from then on.
final class RedisLink: @unchecked Sendable {
    private let context: UnsafeMutablePointer<redisContext>

    private init(_ context: UnsafeMutablePointer<redisContext>) {
        self.context = context
    }

    deinit {
        redisFree(context)
    }

    var descriptor: Int32 { context.pointee.fd }

    // MARK: - Connecting: blocks

    /// A connection that is authenticated, at its database, and answers. Blocks for the connect time-out, and for as
    /// long as resolving the name takes.
    static func connect(_ options: RedisOptions) throws(RedisFailure) -> RedisLink {
        let start = ContinuousClock.now
        let timeout = timeval(options.connectTimeout)
        let opened: UnsafeMutablePointer<redisContext>? =
            switch options.endpoint {
            case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), timeout)
            case .socket(let path): redisConnectUnixWithTimeout(path, timeout)
            }
        guard let opened else { throw RedisFailure("no memory for a connection to Redis") }
        let link = RedisLink(opened)
        guard opened.pointee.err == 0 else {
            throw RedisFailure("connecting to Redis at \(options.endpoint): \(link.errorText)")
        }
        let flags = fcntl(opened.pointee.fd, F_GETFD)
        _ = fcntl(opened.pointee.fd, F_SETFD, flags | FD_CLOEXEC)
        // Best effort: it only helps to notice sooner that nobody is there.
        _ = redisEnableKeepAlive(opened)
        try link.greet(options, until: start + options.connectTimeout)
        try link.becomeNonBlocking()
        return link
    }

    private func greet(_ options: RedisOptions, until deadline: ContinuousClock.Instant) throws(RedisFailure)
    {
        if let password = options.password {
            let credentials = [options.user, password.reveal()].compactMap { $0 }
            try ask(RedisCommand([Array("AUTH".utf8)] + credentials.map { Array($0.utf8) }), until: deadline)
        }
        if options.database != 0 { try ask(RedisCommand("SELECT", "\(options.database)"), until: deadline) }
        try ask(RedisCommand("PING"), until: deadline)
    }

    private func ask(_ command: RedisCommand, until deadline: ContinuousClock.Instant) throws(RedisFailure) {
        let left = deadline - .now
        guard left > .zero else { throw RedisFailure("Redis did not answer in time") }
        redisSetTimeout(context, timeval(left))
        append(command)
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else {
            throw RedisFailure("greeting Redis: \(errorText)")
        }
        defer { freeReplyObject(raw) }
        if case .error(let code) = RedisReply(raw.assumingMemoryBound(to: redisReply.self)) {
            throw RedisFailure(code: code)
        }
    }

    private func becomeNonBlocking() throws(RedisFailure) {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw RedisFailure("the connection to Redis can't be made non-blocking")
        }
        // What hiredis goes by when a read or write would block.
        context.pointee.flags &= ~REDIS_BLOCK
    }

    // MARK: - Speaking: never blocks

    /// Adds a command to what is to be written.
    func append(_ command: RedisCommand) {
        _ = command.bytes.withUnsafeBytes {
            redisAppendFormattedCommand(context, $0.baseAddress, $0.count)
        }
    }

    /// Writes what the socket takes; true when nothing is left.
    func write() throws(RedisFailure) -> Bool {
        var isDone: Int32 = 0
        guard redisBufferWrite(context, &isDone) == REDIS_OK else { throw failure }
        return isDone != 0
    }

    /// Reads what is there, at most a buffer full.
    func read() throws(RedisFailure) {
        guard redisBufferRead(context) == REDIS_OK else { throw failure }
    }

    /// The next answer that is complete; nil when none is.
    func nextReply() throws(RedisFailure) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReplyFromReader(context, &raw) == REDIS_OK else { throw failure }
        guard let raw else { return nil }
        defer { freeReplyObject(raw) }
        return RedisReply(raw.assumingMemoryBound(to: redisReply.self))
    }

    private var failure: RedisFailure { RedisFailure("the connection to Redis broke: \(errorText)") }

    /// hiredis' own words, which are of the system or the protocol and quote no data but a byte that is out of place.
    private var errorText: String {
        withUnsafeBytes(of: context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

private func timeval(_ duration: Duration) -> timeval {
    let (seconds, attoseconds) = max(duration, .milliseconds(1)).components
    return timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
}
