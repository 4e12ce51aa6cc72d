import Crypto
import SoukText

/// One step of a schema: statements that run once, together, in one transaction.
///
/// A migration that was applied anywhere never changes; a correction is a new migration.
package struct Migration: Sendable, Hashable {
    /// Ascending within its set, from 1.
    package let version: Int
    /// A short name for people.
    package let name: String
    private let sqlite: [String]
    private let postgres: [String]

    /// A migration whose statements run on every database. Each string holds one statement.
    package init(_ version: Int, _ name: String, _ statements: [String]) {
        self.init(version, name, sqlite: statements, postgres: statements)
    }

    /// A migration with statements for each database. Each string holds one statement.
    package init(_ version: Int, _ name: String, sqlite: [String], postgres: [String]) {
        precondition(version > 0, "migration versions count from 1")
        self.version = version
        self.name = name
        self.sqlite = sqlite
        self.postgres = postgres
    }

    /// The statements for a database, in order.
    package func statements(for dialect: Dialect) -> [String] {
        switch dialect {
        case .sqlite: sqlite
        case .postgres: postgres
        }
    }

    /// SHA-256 over the statements for a database, in lowercase hexadecimal. Statements for another database may
    /// be added or changed without changing it.
    package func checksum(for dialect: Dialect) -> String {
        var hash = SHA256()
        for statement in statements(for: dialect) {
            let bytes = Array(statement.utf8)
            // The length keeps ["a", "b"] and ["ab"] apart.
            hash.update(data: Array("\(bytes.count):".utf8))
            hash.update(data: bytes)
        }
        return hash.finalize().hex
    }
}
