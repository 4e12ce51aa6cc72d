import HTTPTypes
import Hummingbird
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukTime

/// The table of idempotency keys. Every change is one transaction, so of many claims of a key one wins: on PostgreSQL the
/// first to insert its row or, where there is one, the first to lock it.
struct IdempotencyStore: Sendable {
    /// One run's hold on a key; `owner` is new for every run, so a run that lost its lease can't settle another's.
    struct Claim: Sendable {
        let scope: String
        let key: String
        let fingerprint: [UInt8]
        let owner: String
        /// How long the run may take at most; then the key is free.
        let lease: Duration
    }

    enum Outcome: Sendable {
        case claimed
        case replay(Reply)
        case reused
        case running(Duration)
    }

    /// How many times as long as ours another run's lease may be; deadlines differ, and so do clocks.
    private static let believedLeases = 3

    /// Rows forgotten in one transaction: the writer is not held for long.
    private static let purgeBatch = 1_000

    let database: any Database

    static func newOwner() -> String { RandomToken.make(bytes: 16) }

    func claim(_ claim: Claim, now: Timestamp) async throws -> Outcome {
        // The row of a key is gone again only when its run failed between our two looks.
        for _ in 0..<5 {
            if let outcome = try await tryClaim(claim, now: now) { return outcome }
        }
        throw ServiceError(.unavailable, code: "idempotency_key.lost", message: "Try again.")
    }

    /// Nil where another run let go of the key meanwhile.
    private func tryClaim(_ claim: Claim, now: Timestamp) async throws -> Outcome? {
        try await database.transaction(isolation: .readCommitted) { tx in
            let lockedUntil = now + claim.lease
            let inserted = try await tx.execute(
                """
                INSERT INTO idempotency_keys (scope, key, fingerprint, state, owner, locked_until, expires_at)
                VALUES (\(claim.scope), \(claim.key), \(claim.fingerprint), 'running', \(claim.owner), \(lockedUntil),
                    \(now + Idempotency.retention))
                ON CONFLICT (scope, key) DO NOTHING
                """)
            if inserted == 1 { return .claimed }
            guard
                let row = try await tx.first(
                    """
                    SELECT fingerprint, state, locked_until, expires_at, status, content_type, location, etag, body
                    FROM idempotency_keys WHERE scope = \(claim.scope) AND key = \(claim.key)\(sql: tx.forUpdate)
                    """)
            else { return nil }

            let isRunning = try row.get("state", as: String.self) == "running"
            let held: Timestamp = try row.get("locked_until")
            let isExpired = try row.get("expires_at", as: Timestamp.self) <= now
            let isSame = try row.get("fingerprint", as: [UInt8].self) == claim.fingerprint
            // A lease that is far longer than any is given comes from a process whose clock was ahead.
            if isRunning, held > now, held - now <= claim.lease * Self.believedLeases {
                // The other request is told first what is wrong with it: waiting would not help.
                return isSame ? .running(held - now > .seconds(1) ? .seconds(1) : held - now) : .reused
            }
            if !isExpired {
                guard isSame else { return .reused }
                if !isRunning { return .replay(try Self.reply(row)) }
            }
            try await tx.execute(
                """
                UPDATE idempotency_keys
                SET fingerprint = \(claim.fingerprint), state = 'running', owner = \(claim.owner),
                    locked_until = \(lockedUntil), expires_at = \(now + Idempotency.retention), status = NULL,
                    content_type = NULL, location = NULL, etag = NULL, body = NULL
                WHERE scope = \(claim.scope) AND key = \(claim.key)
                """)
            return .claimed
        }
    }

    func keep(_ reply: Reply, for claim: Claim, until expiry: Timestamp) async throws {
        let headers = reply.headers
        try await database.execute(
            """
            UPDATE idempotency_keys
            SET state = 'done', expires_at = \(expiry), status = \(reply.status.code),
                content_type = \(headers[.contentType].sqlValue), location = \(headers[.location].sqlValue),
                etag = \(headers[.eTag].sqlValue), body = \(reply.body)
            WHERE scope = \(claim.scope) AND key = \(claim.key) AND owner = \(claim.owner)
            """, isolation: .readCommitted)
    }

    func release(_ claim: Claim) async throws {
        try await database.execute(
            """
            DELETE FROM idempotency_keys
            WHERE scope = \(claim.scope) AND key = \(claim.key) AND owner = \(claim.owner) AND state = 'running'
            """, isolation: .readCommitted)
    }

    func dropRunning(now: Timestamp) async throws {
        switch database.dialect {
        case .sqlite:
            try await database.execute("DELETE FROM idempotency_keys WHERE state = 'running'")
        case .postgres:
            try await database.execute(
                "DELETE FROM idempotency_keys WHERE state = 'running' AND locked_until <= \(now)",
                isolation: .readCommitted)
        }
    }

    func purge(now: Timestamp) async throws {
        var deleted: Int
        repeat {
            deleted = try await database.execute(
                """
                DELETE FROM idempotency_keys WHERE (scope, key) IN (
                    SELECT scope, key FROM idempotency_keys
                    WHERE expires_at <= \(now) AND locked_until <= \(now) LIMIT \(Self.purgeBatch))
                """, isolation: .readCommitted)
        } while deleted == Self.purgeBatch
    }

    private static func reply(_ row: Row) throws -> Reply {
        var headers = HTTPFields()
        headers[.contentType] = try row.get("content_type", as: String?.self)
        headers[.location] = try row.get("location", as: String?.self)
        headers[.eTag] = try row.get("etag", as: String?.self)
        return Reply(
            status: HTTPResponse.Status(code: try row.get("status")), headers: headers,
            body: try row.get("body", as: [UInt8]?.self) ?? [])
    }

    static let migrations = [
        Migration(
            1, "idempotency keys",
            portable: [
                """
                CREATE TABLE idempotency_keys (
                    scope TEXT NOT NULL,
                    key TEXT NOT NULL,
                    fingerprint BLOB NOT NULL,
                    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
                    owner TEXT NOT NULL,
                    locked_until INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    status INTEGER,
                    content_type TEXT,
                    location TEXT,
                    etag TEXT,
                    body BLOB,
                    PRIMARY KEY (scope, key)
                ) STRICT
                """,
                "CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at)",
            ])
    ]
}
