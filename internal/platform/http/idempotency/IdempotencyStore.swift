import HTTPTypes
import Hummingbird
import SoukDatabase
import SoukErrors
import SoukHTTP
import SoukIDs
import SoukTime

/// The table of idempotency keys. Every change is one transaction, so of many claims of a key one wins: on PostgreSQL the
/// first to insert its row or, where there is one, the first to lock it.
struct IdempotencyStore: Sendable {
    /// One run's hold on a key; `owner` is new for every run, so a run that lost its lease can't settle another's.
    struct Claim: Sendable {
        /// Whose keys are counted together.
        let caller: String
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
        /// The response was too large to be kept: what it was about is read again.
        case reread(status: HTTPResponse.Status, location: String?, subject: String)
        case reused
        case running(Duration)
    }

    /// How many times as long as ours another run's lease may be; deadlines differ, and so do clocks.
    private static let believedLeases = 3

    /// Rows forgotten in one transaction: the writer is not held for long.
    private static let purgeBatch = 1_000

    /// What a row takes beside its texts and its response: hashes, numbers and three indexes.
    private static let rowBytes = 512

    let database: any Database
    let limits: Idempotency.Limits

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
                INSERT INTO idempotency_keys (
                    scope, key, caller, fingerprint, state, owner, locked_until, expires_at, bytes)
                VALUES (\(claim.scope), \(claim.key), \(claim.caller), \(claim.fingerprint), 'running',
                    \(claim.owner), \(lockedUntil), \(now + Idempotency.retention), \(Self.mostBytes(claim)))
                ON CONFLICT (scope, key) DO NOTHING
                """)
            if inserted == 1 {
                try await checkLimits(of: claim.caller, now: now, tx)
                return .claimed
            }
            guard
                let row = try await tx.first(
                    """
                    SELECT fingerprint, state, locked_until, expires_at, status, content_type, location, etag, body,
                        subject
                    FROM idempotency_keys WHERE scope = \(claim.scope) AND key = \(claim.key)\(sql: tx.forUpdate)
                    """)
            else { return nil }

            let isRunning = try row.get("state", as: String.self) == "running"
            let held: Timestamp = try row.get("locked_until")
            let isExpired = try row.get("expires_at", as: Timestamp.self) <= now
            let isSame = try row.get("fingerprint", as: [UInt8].self) == claim.fingerprint
            // A lease that is far longer than any is given comes from a process whose clock was ahead.
            if isRunning, held > now, held - now <= claim.lease * Self.believedLeases {
                // Another request is refused at once: waiting would not help.
                return isSame ? .running(held - now > .seconds(1) ? .seconds(1) : held - now) : .reused
            }
            if !isExpired {
                guard isSame else { return .reused }
                if !isRunning { return try Self.outcome(row) }
            }
            try await tx.execute(
                """
                UPDATE idempotency_keys
                SET fingerprint = \(claim.fingerprint), state = 'running', owner = \(claim.owner),
                    locked_until = \(lockedUntil), expires_at = \(now + Idempotency.retention), status = NULL,
                    content_type = NULL, location = NULL, etag = NULL, body = NULL, subject = NULL,
                    caller = \(claim.caller), bytes = \(Self.mostBytes(claim))
                WHERE scope = \(claim.scope) AND key = \(claim.key)
                """)
            try await checkLimits(of: claim.caller, now: now, tx)
            return .claimed
        }
    }

    /// Refuses a claim, by undoing its transaction, that takes its caller beyond the limits. Claims of one caller are
    /// counted one after the other.
    private func checkLimits(of caller: String, now: Timestamp, _ tx: any Transaction) async throws {
        try await tx.lock("idempotency:\(caller)")
        let row = try await tx.first(
            """
            SELECT COUNT(*) AS keys, CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes, MIN(expires_at) AS oldest
            FROM idempotency_keys WHERE caller = \(caller) AND expires_at > \(now)
            """)
        guard let row else { return }
        guard try row.get("keys") <= limits.keys, try row.get("bytes") <= limits.bytes else {
            let oldest = try row.get("oldest", as: Timestamp?.self) ?? now
            throw ServiceError(
                .rateLimited, code: "limit.idempotency_keys",
                message:
                    "Too many responses are kept for your idempotency keys; wait until the oldest expire.",
                retryAfter: oldest - now)
        }
    }

    func keep(_ reply: Reply, for claim: Claim, until expiry: Timestamp) async throws {
        let headers = reply.headers
        let isLarge = reply.body.count > Idempotency.largestKeptBody
        let texts = [
            headers[.contentType], headers[.location], headers[.eTag], isLarge ? reply.subject : nil,
        ]
        let body = isLarge ? nil : reply.body
        let bytes = Self.rowBytes(claim) + texts.reduce(body?.count ?? 0) { $0 + ($1?.utf8.count ?? 0) }
        try await database.execute(
            """
            UPDATE idempotency_keys
            SET state = 'done', expires_at = \(expiry), status = \(reply.status.code),
                content_type = \(texts[0]), location = \(texts[1]), etag = \(texts[2]), subject = \(texts[3]),
                body = \(body), bytes = \(bytes)
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
        try await database.executeInBatches(of: Self.purgeBatch) {
            """
            DELETE FROM idempotency_keys WHERE (scope, key) IN (
                SELECT scope, key FROM idempotency_keys
                WHERE expires_at <= \(now) AND locked_until <= \(now) LIMIT \(Self.purgeBatch))
            """
        }
    }

    private static func rowBytes(_ claim: Claim) -> Int {
        rowBytes + claim.caller.utf8.count + claim.scope.utf8.count + claim.key.utf8.count
    }

    /// What a running request counts as: a row with the largest response that is kept.
    private static func mostBytes(_ claim: Claim) -> Int { rowBytes(claim) + Idempotency.largestKeptBody }

    private static func outcome(_ row: Row) throws -> Outcome {
        let status = HTTPResponse.Status(code: try row.get("status"))
        let location = try row.get("location", as: String?.self)
        guard let body = try row.get("body", as: [UInt8]?.self) else {
            return .reread(
                status: status, location: location, subject: try row.get("subject", as: String?.self) ?? "")
        }
        var headers = HTTPFields()
        headers[.contentType] = try row.get("content_type", as: String?.self)
        headers[.location] = location
        headers[.eTag] = try row.get("etag", as: String?.self)
        return .replay(Reply(status: status, headers: headers, body: body))
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
            ]),
        Migration(
            2, "limits for each caller",
            portable: [
                "ALTER TABLE idempotency_keys ADD COLUMN caller TEXT NOT NULL DEFAULT ''",
                "ALTER TABLE idempotency_keys ADD COLUMN subject TEXT",
                "ALTER TABLE idempotency_keys ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0",
                "CREATE INDEX idempotency_keys_by_caller ON idempotency_keys (caller, expires_at, bytes)",
            ]),
    ]
}
