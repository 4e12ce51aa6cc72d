import SoukDatabase
import SoukIdentifiers
import SoukText

/// Products by what their texts contain.
///
/// On SQLite there is an index of the texts' groups of three characters (FTS5), which is told of every product by hand: a
/// schema that isn't trusted may not do so in triggers. PostgreSQL keeps its own.
enum ProductSearch {
    /// After the product was written.
    static func add(_ id: ProductID, in transaction: any Transaction) async throws {
        guard transaction.dialect == .sqlite else { return }
        try await transaction.execute(
            """
            INSERT INTO products_search (rowid, search_text)
            SELECT rowid, search_text FROM products WHERE id = \(id)
            """)
    }

    /// Before its text is changed: the index has to be told the old one.
    static func remove(_ id: ProductID, in transaction: any Transaction) async throws {
        guard transaction.dialect == .sqlite else { return }
        try await transaction.execute(
            """
            INSERT INTO products_search (products_search, rowid, search_text)
            SELECT 'delete', rowid, search_text FROM products WHERE id = \(id)
            """)
    }

    /// A term for products that contain a folded text.
    ///
    /// SQLite is told by which way to look for them: few by the index; of many, enough for a page come along in the order of
    /// the list, where the index would name them all first. PostgreSQL chooses by itself.
    static func contains(_ text: String, in reader: any SQLExecutor) async throws -> SQL {
        let isAmongThem: SQL = "search_text LIKE \(SQLText.pattern(containing: text)) ESCAPE '\\'"
        guard reader.dialect == .sqlite, text.unicodeScalars.count >= 3, let phrase = SQLText.phrase(text)
        else {
            return isAmongThem
        }
        let found: SQL = "SELECT rowid FROM products_search WHERE products_search MATCH \(phrase)"
        let count = try await reader.scalar(
            "SELECT COUNT(*) FROM (\(sql: found) LIMIT \(LargeCounts.large))", as: Int.self)
        return count ?? 0 < LargeCounts.large
            ? "products.rowid IN (\(sql: found)) AND \(sql: isAmongThem)" : isAmongThem
    }
}
