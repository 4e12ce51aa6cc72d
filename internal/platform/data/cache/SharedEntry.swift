import Foundation
import SoukTime

/// What a key of the shared cache holds for a ``TwoTierCache``: a value with the time of its loading, or the lease of
/// somebody who is loading one.
struct SharedEntry<Value: Codable & Sendable> {
    private struct Stored: Codable {
        let value: Value
        let loadedAt: Timestamp
    }

    /// Begins no JSON.
    private static var leaseMark: UInt8 { UInt8(ascii: "?") }

    let value: Value?
    let loadedAt: Timestamp?
    /// What the key holds by our knowledge, to be replaced by a newer value only if it still does; nil where nothing
    /// may be stored.
    let lease: [UInt8]?

    /// What is there; where nothing is, a lease of ours. A cache that is away has nothing, and gets nothing.
    static func find(_ key: String, in cache: (any Cache)?, leaseLifetime: Duration) async -> SharedEntry {
        let nothing = SharedEntry(value: nil, loadedAt: nil, lease: nil)
        guard let cache else { return nothing }
        do {
            if let bytes = try await cache.get(key) {
                guard bytes.first != leaseMark else { return nothing }
                // What can't be read, as of another version, is replaced.
                let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes))
                return SharedEntry(value: stored?.value, loadedAt: stored?.loadedAt, lease: bytes)
            }
            let lease = [leaseMark] + Array(UUID().uuidString.utf8)
            let isOurs = try await cache.set(key, lease, timeToLive: leaseLifetime, condition: .ifAbsent)
            return SharedEntry(value: nil, loadedAt: nil, lease: isOurs ? lease : nil)
        } catch {
            return nothing
        }
    }

    /// The entry without a value that is not accepted: it may still be replaced.
    func accepted(_ accept: (Value) -> Bool) -> SharedEntry {
        guard let value, !accept(value) else { return self }
        return SharedEntry(value: nil, loadedAt: nil, lease: lease)
    }

    static func store(
        _ value: Value, loadedAt: Timestamp, for key: String, inPlaceOf lease: [UInt8], lifetime: Duration,
        in cache: any Cache
    ) async {
        guard let data = try? JSONEncoder().encode(Stored(value: value, loadedAt: loadedAt)) else { return }
        // Not stored is asked for again: nothing else depends on it.
        _ = try? await cache.set(key, [UInt8](data), timeToLive: lifetime, condition: .ifEqual(lease))
    }
}
