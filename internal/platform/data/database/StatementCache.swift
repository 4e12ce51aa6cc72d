/// A connection's prepared statements by their text; the least recently used gives way.
package struct StatementCache<Statement> {
    private var entries: [String: (statement: Statement, lastUse: UInt64)] = [:]
    private var uses: UInt64 = 0
    private let capacity: Int

    package init(capacity: Int) {
        precondition(capacity >= 1, "a statement is kept while it is used")
        self.capacity = capacity
    }

    package mutating func statement(for text: String) -> Statement? {
        guard let index = entries.index(forKey: text) else { return nil }
        uses += 1
        entries.values[index].lastUse = uses
        return entries.values[index].statement
    }

    /// - Returns: The statement that gave way.
    @discardableResult
    package mutating func insert(_ statement: Statement, for text: String) -> Statement? {
        var evicted: Statement?
        // A scan of some hundred entries, next to the cost of preparing a statement.
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            evicted = entries.removeValue(forKey: oldest.key)?.statement
        }
        uses += 1
        entries[text] = (statement, uses)
        return evicted
    }

    package mutating func remove(_ text: String) {
        entries[text] = nil
    }

    package mutating func removeAll() {
        entries = [:]
    }
}
