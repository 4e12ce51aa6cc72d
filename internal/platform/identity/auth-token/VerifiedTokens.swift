import Foundation
package import SoukCallContext
package import SoukTime
import Synchronization

/// Remembers access tokens that have been verified, so that one seen before costs a look-up: until it expires, and for a
/// minute at most, so that keys that are taken back end.
///
/// Holds a bounded number of tokens, each whole, and what a verifier said of them; never what nobody verified. Safe from any
/// thread. A place in it comes from the signature's last bytes, which nobody can choose; another token in the same place is
/// told apart by all of its bytes.
package final class VerifiedTokens: TokenVerifier {
    package static let maxAge: Duration = .seconds(60)
    /// Longer ones are verified each time.
    package static let maxTokenBytes = 2_048
    /// So many are remembered.
    package static let capacity = shardCount * setsPerShard * ways

    private static let shardCount = 16
    private static let setsPerShard = 128
    private static let ways = 4
    /// A clock set back by more makes what was stored "later" worthless.
    private static let backwardsTolerance: Duration = .seconds(1)

    private struct Entry: Sendable {
        let hash: UInt64
        let token: [UInt8]
        let principal: Principal
        let storedAt: Timestamp
        let until: Timestamp
        var used: UInt64

        func isOf(_ other: UnsafeRawBufferPointer) -> Bool {
            guard token.count == other.count, let start = other.baseAddress else { return false }
            return token.withUnsafeBytes {
                $0.baseAddress.map { memcmp($0, start, other.count) == 0 } ?? false
            }
        }
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private struct State: Sendable {
        var entries = [Entry?](repeating: nil, count: setsPerShard * ways)
        /// Counts uses, to know the least recent.
        var uses: UInt64 = 0
    }

    private let verifier: any TokenVerifier
    private let clock: any WallClock
    private let shards = (0..<shardCount).map { _ in Shard() }
    private let seed = UInt64.random(in: 0...UInt64.max) | 1

    /// - Parameters:
    ///   - verifier: Asked about every token that is not remembered.
    ///   - clock: The one by which the verifier judges.
    package init(_ verifier: any TokenVerifier, clock: any WallClock) {
        self.verifier = verifier
        self.clock = clock
    }

    /// The caller that a token proves, if that has been seen lately; nil says nothing of the token: ``verify(_:)`` it.
    package func cached(_ token: String) -> Principal? {
        var token = token
        return token.withUTF8 { cached(UnsafeRawBufferPointer($0)) }
    }

    /// As ``cached(_:)``, of the token's bytes; allocates nothing.
    package func cached(_ token: UnsafeRawBufferPointer) -> Principal? {
        guard let hash = hash(token) else { return nil }
        let now = clock.now()
        return shard(hash).state.withLock { state in
            for index in places(hash) {
                guard state.entries[index]?.hash == hash, let entry = state.entries[index],
                    entry.isOf(token)
                else { continue }
                guard now < entry.until, now + Self.backwardsTolerance >= entry.storedAt else {
                    state.entries[index] = nil
                    return nil
                }
                state.uses += 1
                state.entries[index]?.used = state.uses
                return entry.principal
            }
            return nil
        }
    }

    /// The caller that a token proves: what is remembered of it, or after every check has passed.
    ///
    /// - Throws: the `TokenError` of the first check that failed; nothing is remembered then.
    package func verify(_ token: String) async throws(TokenError) -> Principal {
        if let principal = cached(token) { return principal }
        // As old as the question, not as the answer.
        let asked = clock.now()
        let verified = try await verifier.verifyForReuse(token)
        if let expiresAt = verified.expiresAt {
            remember(token, verified.principal, at: asked, until: min(expiresAt, asked + Self.maxAge))
        }
        return verified.principal
    }

    /// Tokens that are held, those included that have expired unnoticed.
    package var count: Int {
        shards.reduce(0) { sum, shard in sum + shard.state.withLock { $0.entries.count { $0 != nil } } }
    }

    private func remember(_ token: String, _ principal: Principal, at now: Timestamp, until: Timestamp) {
        let bytes = Array(token.utf8)
        guard let hash = bytes.withUnsafeBytes(hash), now < until else { return }
        shard(hash).state.withLock { state in
            state.uses += 1
            let entry = Entry(
                hash: hash, token: bytes, principal: principal, storedAt: now, until: until, used: state.uses)
            var place = places(hash).lowerBound
            for index in places(hash) {
                guard let other = state.entries[index], now < other.until, other.token != bytes else {
                    place = index
                    break
                }
                if other.used < state.entries[place]?.used ?? 0 { place = index }
            }
            state.entries[place] = entry
        }
    }

    private func shard(_ hash: UInt64) -> Shard { shards[Int(truncatingIfNeeded: hash >> 60)] }

    /// Where an entry of this hash may be.
    private func places(_ hash: UInt64) -> Range<Int> {
        let first = Int(truncatingIfNeeded: (hash >> 50) % UInt64(Self.setsPerShard)) * Self.ways
        return first..<(first + Self.ways)
    }

    /// Of the last sixteen bytes and the length; nil for what is not remembered.
    private func hash(_ token: UnsafeRawBufferPointer) -> UInt64? {
        guard (16...Self.maxTokenBytes).contains(token.count) else { return nil }
        let high = token.loadUnaligned(fromByteOffset: token.count - 16, as: UInt64.self)
        let low = token.loadUnaligned(fromByteOffset: token.count - 8, as: UInt64.self)
        var mixed = (high ^ UInt64(token.count)) &* seed
        mixed = (mixed ^ (mixed >> 32) ^ low) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (mixed >> 29) ^ (mixed << 32)
    }
}
