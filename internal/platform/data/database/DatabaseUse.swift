import Synchronization

/// Marks the tasks that are inside a transaction or snapshot, for drivers to refuse the use of the same database
/// through its handle: with every connection held by somebody who waits for another one, nobody would go on.
package enum DatabaseUse {
    @TaskLocal private static var current: Mark?

    private final class Mark: Sendable {
        let database: ObjectIdentifier
        let outer: Mark?
        /// A task started by the body, and not awaited by it, carries the mark on after the body has returned.
        let isOver = Atomic(false)

        init(database: ObjectIdentifier, outer: Mark?) {
            self.database = database
            self.outer = outer
        }
    }

    /// - Throws: `.nested` when the task is inside ``within(_:_:)`` of the same database.
    package static func check(_ database: AnyObject) throws(DatabaseError) {
        var mark = current
        while let each = mark {
            if each.database == ObjectIdentifier(database), !each.isOver.load(ordering: .acquiring) {
                throw DatabaseError(
                    .nested,
                    detail: "the database was used inside a transaction or snapshot of itself; "
                        + "use the transaction that is handed in")
            }
            mark = each.outer
        }
    }

    /// Runs the body of a transaction or snapshot.
    package static func within<T>(
        _ database: AnyObject, _ body: () async throws -> T
    ) async rethrows -> T {
        let mark = Mark(database: ObjectIdentifier(database), outer: current)
        defer { mark.isOver.store(true, ordering: .releasing) }
        return try await $current.withValue(mark) { try await body() }
    }
}
