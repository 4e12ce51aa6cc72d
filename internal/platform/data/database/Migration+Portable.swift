import SoukText

extension Migration {
    /// A migration whose tables are written once, in SQLite's words, and translated for PostgreSQL by ``postgres(_:)``.
    /// Each string holds one statement.
    package init(_ version: Int, _ name: String, portable statements: [String]) {
        self.init(version, name, sqlite: statements, postgres: statements.map(Self.postgres))
    }

    /// A definition of a table or an index as PostgreSQL reads it, with the same meaning.
    ///
    /// PostgreSQL's tables are always strict and its `INTEGER` has 32 bits only. Text compares by bytes as in SQLite,
    /// whatever the collation of the database, so both sort alike and indexes serve the same queries.
    package static func postgres(_ statement: String) -> String {
        let isTable = statement.hasPrefix(bytes: "CREATE TABLE")
        return [
            ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
            (" INTEGER", " BIGINT"), (" BLOB", " BYTEA"),
            (" TEXT", isTable ? " TEXT COLLATE \"C\"" : " TEXT"),
            (") STRICT, WITHOUT ROWID", ")"), (") STRICT", ")"),
        ].reduce(statement) { $0.replacing(bytes: $1.0, with: $1.1) }
    }
}
