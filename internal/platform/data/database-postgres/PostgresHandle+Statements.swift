import CPQ
import SoukDatabase

/// A prepared statement of one connection.
final class PostgresStatement {
    let name: String
    let text: String
    /// As the server inferred them.
    var parameterTypes: [UInt32] = []
    /// Known after the first run.
    var columns: RowColumns?
    /// Whether the server has run it in a transaction that may only read. That depends on its text alone, as long as it calls
    /// no function that writes now and then.
    var isKnownToRead = false

    init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// What a statement gave.
struct PostgresOutcome: Sendable {
    var rows: [Row] = []
    var changes = 0
}

extension PostgresHandle {
    /// Runs one statement: in one round trip where it is prepared already or binds no values, otherwise in two.
    ///
    /// - Parameters:
    ///   - lead: Run before it, in the same round trip, such as `BEGIN`.
    ///   - trail: Run after it, likewise.
    ///   - isReading: It may only read: `lead` begins a transaction in which the server sees to that, and `trail` ends it. Both
    ///     are left out once the server has let the statement pass.
    /// - Throws: The first failure; after one, a transaction may be open.
    func run(
        _ sql: SQL, lead: [String] = [], trail: [String] = [], isReading: Bool = false,
        cancellation: PostgresCancellation? = nil
    ) throws(PostgresError) -> PostgresOutcome {
        let sql = PostgresText(sql)
        let isKnown = isReading && statements.statement(for: sql.text)?.isKnownToRead == true
        var commands = isKnown ? [] : lead.map { Command.run($0) }
        let statement: PostgresStatement
        if let known = statements.statement(for: sql.text) {
            statement = known
        } else {
            nextStatement += 1
            statement = PostgresStatement(name: "souk_\(nextStatement)", text: sql.text)
            if sql.values.isEmpty {
                commands.append(.prepare(statement))
            } else {
                try prepare(statement, cancellation)
            }
        }
        let parameters: PostgresParameters
        do {
            parameters = try PostgresParameters(sql.values, types: statement.parameterTypes)
        } catch {
            throw PostgresError(
                DatabaseError(error.reason, detail: "\(error.detail ?? ""), in: \(sql.text)"))
        }
        let position = commands.count
        commands.append(.execute(statement, parameters))
        if !isKnown { commands += trail.map { Command.run($0) } }
        let result = try perform(commands, resultAt: position, of: statement, cancellation)
        let columns = statement.columns ?? RowColumns(result.columnNames)
        statement.columns = columns
        if isReading { statement.isKnownToRead = true }
        do {
            return PostgresOutcome(rows: try result.rows(columns), changes: result.changes)
        } catch {
            throw PostgresError(DatabaseError(error.reason, detail: "\(error.detail ?? ""), in: \(sql.text)"))
        }
    }

    /// Runs constant statements without values, in one round trip.
    ///
    /// - Returns: What was done by the last one, such as `COMMIT`.
    @discardableResult
    func runAll(_ texts: [String], cancellation: PostgresCancellation? = nil) throws(PostgresError) -> String
    {
        let replies = try performing(texts.map { .run($0) }, cancellation)
        try throwFailure(replies, statement: texts.joined(separator: "; "), cancellation)
        guard case .done(let result) = replies.last else { return "" }
        return result.tag
    }

    /// Rolls back what is open, such as after a failed statement that brought its own `BEGIN`.
    func endStrayTransaction() {
        guard !isBroken, isInTransaction else { return }
        if (try? runAll(["ROLLBACK"])) == nil { markBroken() }
    }

    private func prepare(
        _ statement: PostgresStatement, _ cancellation: PostgresCancellation?
    ) throws(PostgresError) {
        let replies = try performing([.prepare(statement), .describe(statement)], cancellation)
        try throwFailure(replies, statement: statement.text, cancellation)
        guard case .done(let description) = replies.last else { return }
        statement.parameterTypes = description.parameterTypes
        keep(statement)
    }

    private func perform(
        _ commands: [Command], resultAt position: Int, of statement: PostgresStatement,
        _ cancellation: PostgresCancellation?
    ) throws(PostgresError) -> PostgresResult {
        // Where a transaction has failed already, nothing can be deallocated either.
        let leaving = isTransactionFailed ? [] : outdated
        let replies = try performing(commands + leaving.map { .deallocate($0) }, cancellation)
        for (reply, name) in zip(replies.dropFirst(commands.count), leaving) {
            // Where it failed the server has forgotten it, or the transaction failed and it comes again.
            if case .done = reply { outdated.removeAll { $0 == name } }
        }
        if case .prepare = commands.dropLast().last, case .done = replies[position - 1] { keep(statement) }
        for case .failed(let failure) in replies.prefix(commands.count) where failure.isStaleStatement {
            forget(statement, failure)
        }
        try throwFailure(Array(replies.prefix(commands.count)), statement: statement.text, cancellation)
        guard case .done(let result) = replies[position] else {
            throw PostgresError(DatabaseError(.other, detail: "no result, in: \(statement.text)"))
        }
        return result
    }

    private func keep(_ statement: PostgresStatement) {
        if let evicted = statements.insert(statement, for: statement.text) { outdated.append(evicted.name) }
    }

    private func forget(_ statement: PostgresStatement, _ failure: PostgresFailure) {
        if failure.isUnknownStatement {
            // Somebody deallocated behind our back, probably all of them.
            statements.removeAll()
            outdated = []
        } else {
            statements.remove(statement.text)
            outdated.append(statement.name)
        }
    }

    private func performing(
        _ commands: [Command], _ cancellation: PostgresCancellation?
    ) throws(PostgresError) -> [Reply] {
        do {
            return try perform(commands, cancellation: cancellation)
        } catch {
            throw PostgresError(error)
        }
    }

    private func throwFailure(
        _ replies: [Reply], statement: String, _ cancellation: PostgresCancellation?
    ) throws(PostgresError) {
        for case .failed(let failure) in replies {
            throw PostgresError(
                failure, statement: statement, isCancelled: cancellation?.isRequested == true)
        }
    }
}
