import Crypto
import SoukText

/// A script that the server runs as one step, called by its digest.
struct RedisScript: Sendable {
    let source: [UInt8]
    /// SHA-1, which names it with the server and protects nothing.
    let digest: [UInt8]

    init(_ source: String) {
        self.source = Array(source.utf8)
        digest = Array(Insecure.SHA1.hash(data: self.source).hex.utf8)
    }

    func command(_ verb: ScriptVerb, _ key: String, _ arguments: [[UInt8]]) -> RedisCommand {
        let (name, script) =
            switch verb {
            case .byDigest: ("EVALSHA", digest)
            case .bySource: ("EVAL", source)
            }
        return RedisCommand([Array(name.utf8), script, Array("1".utf8), Array(key.utf8)] + arguments)
    }

    enum ScriptVerb {
        case byDigest, bySource
    }

    /// Key; the value expected, the new value, its time to live in milliseconds → 1 or 0.
    static let setIfEqual = RedisScript(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return 1
        """)

    /// Key; amount, time to live in milliseconds → the sum.
    static let increment = RedisScript(
        """
        local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
        if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return sum
        """)

    /// Key; quota, window in microseconds → allowed, remaining, reset and wait in microseconds.
    ///
    /// As `RateLimit.decide`, by the server's clock. The key holds the theoretical arrival time in microseconds since
    /// a time that is not long ago, so that the fractions of a number with 53 bits stay exact enough: the half
    /// microsecond forgives what is rounded.
    static let admit = RedisScript(
        """
        local time = redis.call('TIME')
        local now = (time[1] - 1700000000) * 1000000 + time[2]
        local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
        local interval = math.max(window / quota, 1)
        local full = tonumber(redis.call('GET', KEYS[1])) or now
        full = math.min(math.max(full, now), now + window)
        local debt = full + interval - now
        if debt > window + 0.5 then return {0, 0, math.ceil(full - now), math.ceil(debt - window)} end
        redis.call('SET', KEYS[1], string.format('%.3f', full + interval), 'PX', math.ceil(debt / 1000) + 1)
        return {1, math.max(math.floor((window - debt) / interval + 0.001), 0), math.ceil(debt), 0}
        """)
}
