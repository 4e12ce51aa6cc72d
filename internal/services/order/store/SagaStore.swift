import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

/// What an order waits for at the peers. One order has one saga at a time.
enum SagaStep: String, Sendable, CaseIterable {
    /// Checkout: hold the stock.
    case reserve
    /// Checkout: make the payment intent, then place the order.
    case createIntent = "create_intent"
    /// Checkout was refused: see to it that it can't be paid.
    case undoIntent = "undo_intent"
    /// Checkout was refused: give the stock back, then fail the order.
    case undoStock = "undo_stock"
    /// Cancellation or expiry of an unpaid order.
    case cancelIntent = "cancel_intent"
    /// Cancellation of a paid order.
    case cancelFulfilment = "cancel_fulfilment"
}

/// A process's hold on a saga. It ends with its time, so that the saga of a process that died goes on elsewhere.
struct SagaClaim: Sendable, Hashable {
    /// New for every claim: who lost a saga can't move, postpone or release it any more.
    let owner: String
    let until: Timestamp

    init(until: Timestamp) {
        owner = RandomToken.make(bytes: 16)
        self.until = until
    }

    private init(owner: String, until: Timestamp) {
        self.owner = owner
        self.until = until
    }

    func extended(to end: Timestamp) -> SagaClaim {
        SagaClaim(owner: owner, until: end)
    }
}

/// The persisted steps of sagas.
struct SagaStore: Sendable {
    /// No wait and no claim here is as long. One that ends later was written by a process whose clock was ahead, and nobody
    /// waits for it: the steps are idempotent, and who lost a claim is known by its owner.
    static let longestWait: Duration = .seconds(180)

    /// Starts a saga, or moves the one that runs to another step; its claim stays.
    func set(
        _ step: SagaStep, of order: OrderID, at now: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            """
            INSERT INTO sagas (order_id, step, next_at) VALUES (\(order), \(step.rawValue), \(now))
            ON CONFLICT (order_id) DO UPDATE SET
                step = excluded.step, attempts = 0, next_at = excluded.next_at, last_error = NULL
            """)
    }

    func finish(_ order: OrderID, in tx: some Transaction) async throws(DatabaseError) {
        try await tx.execute("DELETE FROM sagas WHERE order_id = \(order)")
    }

    /// The step at which an order's saga stands; nil when there is none.
    func step(of order: OrderID, in executor: some SQLExecutor) async throws(DatabaseError) -> SagaStep? {
        let row = try await executor.first("SELECT step FROM sagas WHERE order_id = \(order)")
        return try row?.choice("step")
    }

    /// The step at which a saga stands that this claim holds or nobody does, since an event began it meanwhile; nil when
    /// another process has it, or there is none.
    func step(
        of order: OrderID, heldBy claim: SagaClaim, in tx: some Transaction
    ) async throws(DatabaseError) -> SagaStep? {
        let row = try await tx.first(
            """
            SELECT step FROM sagas
            WHERE order_id = \(order) AND (owner = \(claim.owner) OR owner IS NULL)\(sql: tx.forUpdate)
            """)
        return try row?.choice("step")
    }

    /// Takes a saga for this process; nil when there is none or another process has it.
    func claim(
        _ order: OrderID, _ claim: SagaClaim, at now: Timestamp, in database: any Database
    ) async throws -> SagaStep? {
        let isFree = Self.hasCome("claimed_until", at: now)
        let row = try await database.first(
            "SELECT step FROM sagas WHERE order_id = \(order) AND \(sql: isFree)")
        guard row != nil else { return nil }
        // One statement: of those who come at once, one finds it free.
        let claimed = try await database.execute(
            """
            UPDATE sagas SET owner = \(claim.owner), claimed_until = \(claim.until)
            WHERE order_id = \(order) AND \(sql: isFree)
            """, isolation: .readCommitted)
        guard claimed > 0 else { return nil }
        return try await step(of: order, in: database)
    }

    /// Holds on to a saga that stands at its next step, which may be a new one of the same order.
    func keep(_ order: OrderID, _ claim: SagaClaim, in tx: some Transaction) async throws(DatabaseError) {
        try await tx.execute(
            "UPDATE sagas SET owner = \(claim.owner), claimed_until = \(claim.until) WHERE order_id = \(order)"
        )
    }

    /// Lets go of a saga whose step didn't succeed, to be tried again later; nothing if another process has it by now.
    func postpone(
        _ order: OrderID, _ claim: SagaClaim, from now: Timestamp, error: String, in database: any Database
    ) async throws {
        try await database.transaction(isolation: .readCommitted) { tx in
            guard
                let attempts: Int = try await tx.scalar(
                    """
                    SELECT attempts FROM sagas
                    WHERE order_id = \(order) AND owner = \(claim.owner)\(sql: tx.forUpdate)
                    """)
            else {
                return
            }
            let wait = Duration.seconds(min(60, 1 << min(attempts, 6)))
            try await tx.execute(
                """
                UPDATE sagas SET attempts = attempts + 1, next_at = \(now + wait), claimed_until = 0, owner = NULL,
                    last_error = \(String(error.prefix(500)))
                WHERE order_id = \(order)
                """)
        }
    }

    /// Orders whose sagas are due and nobody has, the longest waiting first.
    func due(at now: Timestamp, limit: Int, in executor: some SQLExecutor) async throws(DatabaseError)
        -> [OrderID]
    {
        let rows = try await executor.query(
            """
            SELECT order_id FROM sagas
            WHERE \(sql: Self.hasCome("next_at", at: now)) AND \(sql: Self.hasCome("claimed_until", at: now))
            ORDER BY next_at, order_id LIMIT \(limit)
            """)
        var orders: [OrderID] = []
        for row in rows { orders.append(try row.get("order_id")) }
        return orders
    }

    /// Makes every saga free and due: those that a process which is no more had claimed.
    func recoverAll(at now: Timestamp, in executor: some SQLExecutor) async throws(DatabaseError) {
        try await executor.execute("UPDATE sagas SET claimed_until = 0, owner = NULL, next_at = \(now)")
    }

    /// Makes one saga due now.
    func hasten(_ order: OrderID, at now: Timestamp, in tx: some SQLExecutor) async throws(DatabaseError) {
        try await tx.execute(
            "UPDATE sagas SET next_at = \(now) WHERE order_id = \(order) AND next_at > \(now)")
    }

    /// Whether a time that one waits for has come, or can't be meant.
    private static func hasCome(_ column: SQL, at now: Timestamp) -> SQL {
        "(\(sql: column) <= \(now) OR \(sql: column) > \(now + longestWait))"
    }
}
