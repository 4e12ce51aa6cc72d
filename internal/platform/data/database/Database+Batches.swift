extension Database {
    /// Runs a statement that changes at most `size` rows again and again, each time in a transaction of its own, until it finds
    /// fewer: a large purge neither holds a lock for long nor makes one large transaction.
    ///
    /// - Parameter statement: must bound itself to `size` rows, and change them so that it does not find them again.
    /// - Returns: How many rows were changed altogether.
    /// - Throws: As ``execute(_:isolation:)``; what was changed before stays so.
    @discardableResult
    package func executeInBatches(of size: Int, _ statement: @Sendable () -> SQL) async throws -> Int {
        var total = 0
        var changed = 0
        repeat {
            changed = try await execute(statement(), isolation: .readCommitted)
            total += changed
        } while changed >= size
        return total
    }
}
