/// Prepared statements by their text; the least recently used gives way. Used on its connection's thread only.
struct SQLiteStatementCache {
    private var entries: [String: (statement: SQLiteStatement, lastUse: UInt64)] = [:]
    private var uses: UInt64 = 0
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func statement(for text: String) -> SQLiteStatement? {
        guard let index = entries.index(forKey: text) else { return nil }
        uses += 1
        entries.values[index].lastUse = uses
        return entries.values[index].statement
    }

    mutating func insert(_ statement: SQLiteStatement, for text: String) {
        // A scan of some hundred entries, next to the cost of preparing a statement.
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
        }
        uses += 1
        entries[text] = (statement, uses)
    }

    mutating func removeAll() {
        entries = [:]
    }
}
