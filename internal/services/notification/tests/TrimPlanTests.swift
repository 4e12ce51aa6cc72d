import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTesting
import Testing

@testable import SoukNotification

/// The writer waits while messages are deleted: the work must not be rows times rows.
@Suite struct TrimPlanTests {
    private static let most = 100

    /// What a database says of the statement, run for a user who has more messages than are kept.
    private func plan(_ explain: SQL, column: String) async throws -> [String] {
        let database = try await TestDatabase.make(NotificationMigrations.all)
        let user = UserID()
        let rows = (0..<2 * Self.most).map { number -> SQL in
            "(\(NotificationID()), \(user), \("\(number)"), 'welcome', '', '', '{}', 0)"
        }
        return try await database.transaction(isolation: .readCommitted) { tx in
            try await tx.execute(
                """
                INSERT INTO notifications (id, user_id, event_id, kind, title, body, subject, created_at)
                VALUES \(sql: rows.joined(separator: ", "))
                """)
            return try await tx.query(
                "\(sql: explain) \(sql: NotificationStore.trimming(toNewest: Self.most))"
            ).map { try $0.get(column) }
        }
    }

    @Test(.enabled(if: TestDatabase.dialect == .sqlite, "reads SQLite's query plans"))
    func sqliteFindsTheBoundOncePerUserAndByIndex() async throws {
        let plan = try await plan("EXPLAIN QUERY PLAN", column: "detail")
        #expect(plan.contains("MATERIALIZE bounds"))
        #expect(plan.contains("SEARCH n USING COVERING INDEX notifications_by_user (user_id=? AND id<?)"))
        // Messages are counted in the order of the index; nothing else reads the whole table.
        #expect(
            plan.filter { $0.hasPrefix("SCAN n") } == [
                "SCAN notifications USING COVERING INDEX notifications_by_user"
            ])
    }

    @Test(.enabled(if: TestDatabase.dialect == .postgres, "reads PostgreSQL's query plans"))
    func noScanOfPostgresReadsAMessageTwice() async throws {
        let plan = try await plan(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)", column: "QUERY PLAN")
        let reads = plan.compactMap { line -> Double? in
            guard let scan = line.firstMatch(of: #/Scan .*on notifications.*rows=([0-9.]+) loops=([0-9]+)/#),
                let rows = Double(scan.1), let loops = Double(scan.2)
            else { return nil }
            return rows * loops
        }
        #expect(reads.max() ?? .infinity <= Double(2 * Self.most), "\(plan)")
    }
}
