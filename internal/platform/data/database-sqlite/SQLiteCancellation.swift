import Synchronization

/// A task's wish that the statements it waits for end; SQLite looks at it every so many steps.
///
/// `sqlite3_interrupt` would be lost where it comes just before a statement starts.
final class SQLiteCancellation: Sendable {
    private let flag = Atomic(false)

    var isRequested: Bool { flag.load(ordering: .relaxed) }

    func request() {
        flag.store(true, ordering: .relaxed)
    }
}
