import SoukDatabase
import Synchronization

/// What the body of a write transaction is handed.
final class SQLiteTransaction: Transaction {
    private let session: SQLiteSession
    private let actions = Mutex<[@Sendable () -> Void]>([])

    var dialect: Dialect { .sqlite }

    init(_ session: SQLiteSession) {
        self.session = session
    }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await session.query(sql)
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await session.execute(sql)
    }

    func afterCommit(_ action: @escaping @Sendable () -> Void) {
        actions.withLock { $0.append(action) }
    }

    /// Runs the actions, once.
    func runActions() {
        let actions = actions.withLock { actions in
            defer { actions = [] }
            return actions
        }
        for action in actions { action() }
    }
}
