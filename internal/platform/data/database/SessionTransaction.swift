import Synchronization

/// What the body of a transaction is handed: a driver's session, and the actions that wait for the commit.
package final class SessionTransaction: Transaction {
    private let session: any SQLExecutor
    private let actions = Mutex<[@Sendable () -> Void]>([])

    package var dialect: Dialect { session.dialect }

    package init(_ session: any SQLExecutor) {
        self.session = session
    }

    package func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await session.query(sql)
    }

    package func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await session.execute(sql)
    }

    package func afterCommit(_ action: @escaping @Sendable () -> Void) {
        actions.withLock { $0.append(action) }
    }

    /// Runs the actions, once; the driver calls it after the commit.
    package func runActions() {
        let actions = actions.withLock { actions in
            defer { actions = [] }
            return actions
        }
        for action in actions { action() }
    }
}
