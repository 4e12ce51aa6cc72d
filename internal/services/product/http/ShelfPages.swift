import SoukHTTP
import Synchronization

/// Remembers pages of the shelf as they were answered: most shoppers look at the same ones.
///
/// A page is good until this process changes the catalogue, and for ``lifetime`` at most: so long a change that
/// another process of the service made on the same database may go unseen. Bounded in pages and bytes.
final class ShelfPages: Sendable {
    static let lifetime = Duration.seconds(1)
    private static let maximumPages = 1_000
    private static let maximumBytes = 16 << 20
    /// Longer ones are rare, and hardly asked for twice.
    private static let maximumKeyBytes = 256

    private struct Entry {
        let reply: Reply
        let generation: UInt64
        let end: ContinuousClock.Instant
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var bytes = 0
    }

    private let changes: CatalogueChanges
    private let state = Mutex(State())

    init(changes: CatalogueChanges) {
        self.changes = changes
    }

    /// The page that was answered for this query, or a new one.
    ///
    /// - Throws: What `make` throws, which is not remembered.
    func reply(to query: String, make: () async throws -> Reply) async throws -> Reply {
        // Before the reading: what changes meanwhile makes the page old as soon as it is there.
        let generation = changes.generation
        let now = ContinuousClock.now
        if let known = state.withLock({ $0.entries[query] }), known.generation == generation, now < known.end
        {
            return known.reply
        }
        let reply = try await make()
        guard query.utf8.count <= Self.maximumKeyBytes else { return reply }
        remember(
            Entry(reply: reply, generation: generation, end: now + Self.lifetime), for: query)
        return reply
    }

    private func remember(_ entry: Entry, for query: String) {
        state.withLock { state in
            state.bytes += entry.reply.body.count - (state.entries[query]?.reply.body.count ?? 0)
            state.entries[query] = entry
            // Old ones are mostly past their time: nothing worth choosing among.
            if state.entries.count > Self.maximumPages || state.bytes > Self.maximumBytes {
                state = State()
            }
        }
    }
}
