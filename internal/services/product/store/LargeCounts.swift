import SoukDatabase
import Synchronization

/// Remembers how many items long lists have: counting a million takes longer than everything else about a page, and nobody
/// minds whether it is a million and three. Short lists are counted each time.
///
/// Bounded; safe from any thread.
final class LargeCounts: Sendable {
    /// From so many items on.
    static let large = 10_000
    /// So long; twice as long where who was to count anew did not come to it.
    static let lifetime = Duration.seconds(30)
    private static let most = 1_000

    private struct Entry {
        var count: Int
        var end: ContinuousClock.Instant
    }

    private let entries = Mutex<[SQL: Entry]>([:])

    /// What is known of the list with this filter; nil for whoever is to count it and to ``note(_:of:)`` the result. Where it
    /// is too old one caller gets nil, and the others the old number until he is done.
    func known(of filter: SQL, at now: ContinuousClock.Instant = .now) -> Int? {
        entries.withLock { entries in
            guard let entry = entries[filter] else { return nil }
            guard now >= entry.end else { return entry.count }
            entries[filter]?.end = now + Self.lifetime
            return nil
        }
    }

    func note(_ count: Int, of filter: SQL, at now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            guard count >= Self.large else {
                entries[filter] = nil
                return
            }
            if entries.count >= Self.most { entries = [:] }
            entries[filter] = Entry(count: count, end: now + Self.lifetime)
        }
    }
}
