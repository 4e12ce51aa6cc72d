import SoukTime
import Synchronization

/// What this process knows about messages whose handlers failed. The broker's own count does not serve: it
/// counts the deliveries during which the database was away too.
final class FailureTracker: Sendable {
    struct Key: Hashable {
        let topic: String
        let messageID: String
    }

    private struct Entry {
        var record: EventStore.FailureRecord?
        var outages = 0
    }

    /// More are not remembered: their attempts count from 1 again.
    private static let capacity = 10_000

    private let entries = Mutex<[Key: Entry]>([:])

    func attempts(_ key: Key) -> Int {
        entries.withLock { $0[key]?.record?.attempts ?? 0 }
    }

    /// Whether the message has failed or been postponed, and is not done with.
    func knows(_ key: Key) -> Bool {
        entries.withLock { $0[key] != nil }
    }

    /// Counts a failure of the handler.
    func failed(_ key: Key, at time: Timestamp) -> EventStore.FailureRecord {
        entries.withLock { entries in
            var entry = entries[key] ?? Entry()
            var record =
                entry.record ?? EventStore.FailureRecord(attempts: 0, firstFailedAt: time, lastFailedAt: time)
            record.attempts += 1
            record.lastFailedAt = time
            entry.record = record
            entry.outages = 0
            Self.insert(entry, key, &entries)
            return record
        }
    }

    /// Counts a time the database was away; returns how many in a row.
    func postponed(_ key: Key) -> Int {
        entries.withLock { entries in
            var entry = entries[key] ?? Entry()
            entry.outages += 1
            Self.insert(entry, key, &entries)
            return entry.outages
        }
    }

    func forget(_ key: Key) {
        entries.withLock { $0[key] = nil }
    }

    private static func insert(_ entry: Entry, _ key: Key, _ entries: inout [Key: Entry]) {
        if entries[key] == nil, entries.count >= capacity, let other = entries.keys.first {
            entries[other] = nil
        }
        entries[key] = entry
    }
}
