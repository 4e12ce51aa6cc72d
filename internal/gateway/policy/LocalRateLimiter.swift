import SoukCache
import Synchronization

/// What a rate limit says of one request; times in seconds, rounded up.
struct RateVerdict: Sendable, Equatable {
    let isAllowed: Bool
    /// Requests left right now.
    let remaining: Int
    /// Until the quota is full again.
    let resetSeconds: Int64
    /// Until the next request gets through; 0 where this one did.
    let retryAfterSeconds: Int64
}

/// Counts requests in the memory of this process: the generic cell rate algorithm (ITU-T I.371, Annex A), as
/// `RateLimit.decide`, in whole nanoseconds and without waiting.
///
/// Holds a bounded number of keys, those with a full quota not for long; the least recently seen make room, and begin with a
/// full quota again. Safe from any thread: keys are spread over shards, each with a lock that is held for one look-up.
final class LocalRateLimiter: Sendable {
    static let capacity = 100_000
    private static let shardBits: UInt64 = 4

    private final class Shard: Sendable {
        let table: Mutex<RateTable>

        init(capacity: Int) { table = Mutex(RateTable(capacity: capacity)) }
    }

    private let shards: [Shard]
    /// Odd and unknown outside, so that nobody can aim at one shard.
    private let seed = UInt64.random(in: 0...UInt64.max) | 1
    private let interval: Int64
    private let burst: Int64

    /// - Parameter limit: `window / quota` counts in whole nanoseconds.
    init(_ limit: RateLimit, capacity: Int = LocalRateLimiter.capacity) {
        let window = Int64(clamping: limit.window.wholeNanoseconds)
        interval = max(window / Int64(limit.quota), 1)
        // Exactly the quota, however the division went.
        burst = interval.multipliedReportingOverflow(by: Int64(limit.quota)).partialValue
        let count = 1 << Int(Self.shardBits)
        shards = (0..<count).map { _ in Shard(capacity: max((capacity + count - 1) / count, 1)) }
    }

    /// Takes one request.
    ///
    /// - Parameter now: nanoseconds of a clock that doesn't go back, such as `NIODeadline`'s. It may be a little late.
    func admit(_ key: RateKey, at now: Int64) -> RateVerdict {
        let shard = shards[Int(truncatingIfNeeded: (key.spread &* seed) >> (64 - Self.shardBits))]
        return shard.table.withLock { table in
            let slot = table.slot(of: key, at: now)
            let full = max(table.fullAt(slot), now)
            let next = full + interval
            let debt = next - now
            guard debt <= burst else {
                return RateVerdict(
                    isAllowed: false, remaining: 0, resetSeconds: Self.seconds(full - now),
                    retryAfterSeconds: max(Self.seconds(debt - burst), 1))
            }
            table.setFullAt(slot, next)
            return RateVerdict(
                isAllowed: true, remaining: Int((burst - debt) / interval),
                resetSeconds: Self.seconds(debt), retryAfterSeconds: 0)
        }
    }

    /// Keys that are held.
    var count: Int { shards.reduce(0) { sum, shard in sum + shard.table.withLock { $0.count } } }

    private static func seconds(_ nanoseconds: Int64) -> Int64 {
        (nanoseconds + 999_999_999) / 1_000_000_000
    }
}

/// Keys and when their quotas are full again; the least recently used make room.
private struct RateTable {
    private struct Slot {
        var key: RateKey
        var fullAt: Int64
        /// Towards the more recently used; -1 at the end of the list.
        var newer: Int32
        var older: Int32
    }

    private let capacity: Int
    private var positions: [RateKey: Int32] = [:]
    private var slots: [Slot] = []
    private var free: [Int32] = []
    private var newest: Int32 = -1
    private var oldest: Int32 = -1

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { positions.count }

    func fullAt(_ slot: Int32) -> Int64 { slots[Int(slot)].fullAt }

    mutating func setFullAt(_ slot: Int32, _ time: Int64) { slots[Int(slot)].fullAt = time }

    /// The key's slot, from now on the most recently used; a new one is full already.
    mutating func slot(of key: RateKey, at now: Int64) -> Int32 {
        if let position = positions[key] {
            if position != newest {
                unlink(position)
                linkNewest(position)
            }
            return position
        }
        // Two out for one in: what need not be remembered doesn't stay.
        for _ in 0..<2 where oldest >= 0 && slots[Int(oldest)].fullAt <= now { remove(oldest) }
        if positions.count >= capacity { remove(oldest) }
        let slot = Slot(key: key, fullAt: now, newer: -1, older: -1)
        let position: Int32
        if let reused = free.popLast() {
            position = reused
            slots[Int(position)] = slot
        } else {
            position = Int32(slots.count)
            slots.append(slot)
        }
        positions[key] = position
        linkNewest(position)
        return position
    }

    private mutating func remove(_ position: Int32) {
        unlink(position)
        positions[slots[Int(position)].key] = nil
        free.append(position)
    }

    private mutating func linkNewest(_ position: Int32) {
        slots[Int(position)].older = newest
        slots[Int(position)].newer = -1
        if newest >= 0 { slots[Int(newest)].newer = position } else { oldest = position }
        newest = position
    }

    private mutating func unlink(_ position: Int32) {
        let (newer, older) = (slots[Int(position)].newer, slots[Int(position)].older)
        if newer >= 0 { slots[Int(newer)].older = older } else { newest = older }
        if older >= 0 { slots[Int(older)].newer = newer } else { oldest = newer }
    }
}

extension Duration {
    /// Fractions are cut off; saturates.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
