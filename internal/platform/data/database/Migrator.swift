import Logging
package import SoukTime

/// Brings a database's schema up to date.
///
/// Each migration runs in one transaction together with its record in `schema_migrations`, under the database's
/// write lock, and every transaction reads the records anew: several processes may migrate at once.
package struct Migrator {
    /// Applies what is missing, in order; does nothing when all is applied.
    ///
    /// - Parameters:
    ///   - migrations: Ascending versions. All that were ever applied, unchanged, and new ones after them.
    ///   - set: Names the migrations in a database that holds several sets, such as `order` or `events`.
    ///   - clock: Tells when a migration was applied.
    /// - Throws: `MigrationError` where records and migrations disagree; `DatabaseError` where a statement fails,
    ///   its detail naming the migration. Earlier migrations stay applied.
    package static func migrate(
        _ database: any Database, _ migrations: [Migration], set: String,
        clock: any WallClock = SystemClock()
    ) async throws {
        for (earlier, later) in zip(migrations, migrations.dropFirst()) where later.version <= earlier.version
        {
            throw MigrationError.unordered(set: set, version: later.version)
        }
        let logger = Logger(label: "souk.database")
        let step = Step(migrations: migrations, set: set, clock: clock)
        // Statement by statement, so that whoever waited for the lock sees what its holder committed.
        while let applied = try await database.transaction(
            isolation: .readCommitted, { try await step.run(in: $0) })
        {
            logger.info(
                "migration applied",
                metadata: [
                    "set": "\(set)", "version": "\(applied.version)", "migration": "\(applied.name)",
                ])
        }
    }
}

/// The work of one transaction: check the records, apply the first migration that is missing.
private struct Step: Sendable {
    let migrations: [Migration]
    let set: String
    let clock: any WallClock

    /// - Returns: The migration applied, or nil when none was missing.
    func run(in transaction: any Transaction) async throws -> Migration? {
        try await lock(transaction)
        let applied = try await checkedRecords(in: transaction)
        guard let next = migrations.first(where: { !applied.contains($0.version) }) else { return nil }
        if let newest = applied.max(), newest > next.version {
            throw MigrationError.outOfOrder(
                set: set, version: next.version, name: next.name, newest: newest)
        }
        for statement in next.statements(for: transaction.dialect) {
            do {
                try await transaction.execute(SQL(raw: statement))
            } catch {
                throw DatabaseError(
                    error.reason,
                    detail: "\(set): migration \(next.version) (\(next.name)): \(error.detail ?? error.code)")
            }
        }
        try await transaction.execute(
            """
            INSERT INTO schema_migrations (set_name, version, name, checksum, applied_at)
            VALUES (\(set), \(next.version), \(next.name), \(next.checksum(for: transaction.dialect)), \(clock.now()))
            """)
        return next
    }

    /// Holds other migrators off until this transaction ends, and creates the table of records.
    private func lock(_ transaction: any Transaction) async throws(DatabaseError) {
        switch transaction.dialect {
        case .sqlite:
            // Every transaction holds the write lock from its beginning.
            try await transaction.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    set_name TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,
                    checksum TEXT NOT NULL, applied_at INTEGER NOT NULL,
                    PRIMARY KEY (set_name, version)
                ) STRICT, WITHOUT ROWID
                """)
        case .postgres:
            // Before CREATE TABLE IF NOT EXISTS, which two sessions cannot run at once. The number is arbitrary.
            _ = try await transaction.query("SELECT pg_advisory_xact_lock(7020631917004521)")
            try await transaction.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    set_name TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL,
                    checksum TEXT NOT NULL, applied_at BIGINT NOT NULL,
                    PRIMARY KEY (set_name, version)
                )
                """)
        }
    }

    /// The versions applied, once each is known to be one of ours and unchanged.
    private func checkedRecords(in transaction: any Transaction) async throws -> Set<Int> {
        let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.version, $0) })
        let records = try await transaction.query(
            "SELECT version, name, checksum FROM schema_migrations WHERE set_name = \(set) ORDER BY version")
        var applied: Set<Int> = []
        for record in records {
            let version = try record.get("version", as: Int.self)
            guard let migration = known[version] else {
                throw MigrationError.unknown(set: set, version: version, name: try record.get("name"))
            }
            guard try record.get("checksum") == migration.checksum(for: transaction.dialect) else {
                throw MigrationError.changed(set: set, version: version, name: migration.name)
            }
            applied.insert(version)
        }
        return applied
    }
}
