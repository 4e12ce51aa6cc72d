import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukIDs
import SoukTime

/// Sessions and refresh tokens in SQL.
struct SQLSessionStore: SessionStore {
    let database: any Database
    let accounts: SQLAccountStore
    let endings: SessionEndings
    var limits = SessionLimits()
    /// Expired rows are removed so many at a time.
    private static let purgeBatch = 1_000

    func open(_ session: Session, tokenHash: String) async throws {
        try await database.transaction(isolation: .readCommitted) { transaction in
            // Log-ins of one account take turns, so that together they keep to its limit.
            try await transaction.lock("sessions:\(session.userID)")
            // The account stays as it is until the session exists, so that a deactivation ends it, too.
            let isActive = try await transaction.scalar(
                "SELECT active FROM users WHERE id = \(session.userID)\(sql: transaction.forShare)",
                as: Bool.self)
            guard isActive == true else { throw AuthError.accountInactive }
            try await transaction.execute(
                """
                INSERT INTO sessions (id, user_id, created_at, expires_at)
                VALUES (\(session.id), \(session.userID), \(session.createdAt), \(session.expiresAt))
                """)
            try await Self.insert(tokenHash, of: session.id, 1, until: session.expiresAt, in: transaction)
            try await endOldest(of: session.userID, at: session.createdAt, in: transaction)
        }
    }

    /// Ends the sessions beyond the account's limit, and forgets those that ended long ago.
    private func endOldest(of userID: UserID, at now: Timestamp, in transaction: any Transaction) async throws
    {
        let oldest = try await transaction.query(
            """
            SELECT id FROM sessions WHERE user_id = \(userID) AND revoked_at IS NULL AND expires_at > \(now)
            ORDER BY created_at DESC, id DESC LIMIT \(Self.purgeBatch) OFFSET \(limits.perAccount)
            """
        ).map { try $0.get("id", as: String.self) }
        if !oldest.isEmpty {
            try await transaction.execute(
                "UPDATE sessions SET revoked_at = \(now) WHERE id IN (\(list: oldest))")
            try await endings.announce(oldest, of: userID, .superseded, in: transaction)
        }
        try await transaction.execute(
            """
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE user_id = \(userID) AND revoked_at IS NOT NULL
                ORDER BY revoked_at DESC, id DESC LIMIT \(Self.purgeBatch) OFFSET \(limits.endedPerAccount))
            """)
    }

    func rotate(
        _ presentedHash: String, successor: String, at now: Timestamp, lifetime: Duration, grace: Duration
    ) async throws -> Rotation {
        // The revocation of a reused token has to be committed: it is an outcome, not an error.
        try await database.transaction(isolation: .readCommitted) { transaction in
            guard let token = try await Self.token(presentedHash, at: now, in: transaction) else {
                return .refused
            }
            if token.isRevoked {
                return token.rotatedAt == nil ? .refused : .reused(sessionID: token.sessionID, token.userID)
            }
            // The first to set the mark wins, whatever isolation the database gives.
            let isFirst =
                try await transaction.execute(
                    "UPDATE refresh_tokens SET rotated_at = \(now) WHERE hash = \(presentedHash) AND rotated_at IS NULL"
                ) == 1
            // Who asked earlier and had to wait comes after all the same: that is no time within the grace.
            if !isFirst, token.rotatedAt.map({ max(now - $0, .zero) >= grace }) ?? true {
                try await revoke(token, .reuse, at: now, in: transaction)
                return .reused(sessionID: token.sessionID, token.userID)
            }
            guard let user = try await accounts.user(token.userID, in: transaction), user.isActive else {
                return .refused
            }
            let expiry = limits.expiry(createdAt: token.createdAt, at: now, refreshLifetime: lifetime)
            try await Self.insert(
                successor, of: token.sessionID, token.generation + 1, until: expiry, in: transaction)
            try await transaction.execute(
                "UPDATE sessions SET expires_at = \(expiry) WHERE id = \(token.sessionID)")
            try await transaction.execute(
                """
                DELETE FROM refresh_tokens WHERE session_id = \(token.sessionID)
                    AND generation <= \(token.generation + 1 - limits.tokensPerSession)
                """)
            return .rotated(sessionID: token.sessionID, user)
        }
    }

    func revoke(_ presentedHash: String, at now: Timestamp) async throws -> Session? {
        try await database.transaction(isolation: .readCommitted) { transaction in
            let token = try await Self.token(presentedHash, at: now, in: transaction)
            guard let token, !token.isRevoked else { return nil }
            try await revoke(token, .logout, at: now, in: transaction)
            return Session(
                id: token.sessionID, userID: token.userID, createdAt: token.createdAt,
                expiresAt: token.expiresAt)
        }
    }

    func statuses(
        _ sessions: [SessionReference], at now: Timestamp
    ) async throws -> [SessionReference: SessionStatus] {
        var statuses = Dictionary(uniqueKeysWithValues: Set(sessions).map { ($0, SessionStatus.unknown) })
        guard !sessions.isEmpty else { return statuses }
        // A row for each role of each session's account, and one for an account without any.
        let rows = try await database.query(
            """
            SELECT sessions.id, sessions.user_id, sessions.revoked_at, sessions.expires_at, users.active,
                users.version, user_roles.role
            FROM sessions JOIN users ON users.id = sessions.user_id
                LEFT JOIN user_roles ON user_roles.user_id = users.id
            WHERE sessions.id IN (\(list: sessions.map(\.sessionID)))
            """)
        for row in rows {
            let session = SessionReference(
                userID: try row.get("user_id"), sessionID: try row.get("id"))
            guard let known = statuses[session] else { continue }
            let hasEnded =
                try row.get("revoked_at", as: Timestamp?.self) != nil
                || row.get("expires_at", as: Timestamp.self) <= now
            let isActive = try row.get("active", as: Bool.self)
            let state: SessionStatus.State = !isActive ? .deactivated : hasEnded ? .ended : .active
            var roles = known.roles
            if state == .active, let role = try row.get("role", as: String?.self).flatMap(Role.init) {
                roles.insert(role)
            }
            statuses[session] = SessionStatus(state, roles: roles, version: try row.get("version"))
        }
        return statuses
    }

    func purge(at now: Timestamp) async throws -> Int {
        let batch = Self.purgeBatch
        let tokens = try await database.executeInBatches(of: batch) {
            """
            DELETE FROM refresh_tokens WHERE hash IN (
                SELECT hash FROM refresh_tokens WHERE expires_at <= \(now) LIMIT \(batch))
            """
        }
        _ = try await database.executeInBatches(of: batch) {
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= \(now) LIMIT \(batch))"
        }
        return tokens
    }

    // MARK: - Rows

    private struct StoredToken {
        let sessionID: String
        let userID: UserID
        let generation: Int
        let createdAt: Timestamp
        let expiresAt: Timestamp
        let rotatedAt: Timestamp?
        let isRevoked: Bool
    }

    /// A token that has not expired; who uses it at the same time waits until the transaction ends.
    private static func token(
        _ hash: String, at now: Timestamp, in transaction: any Transaction
    ) async throws -> StoredToken? {
        let lock = transaction.forUpdate(of: "refresh_tokens")
        let row = try await transaction.first(
            """
            SELECT refresh_tokens.session_id, refresh_tokens.generation, refresh_tokens.rotated_at,
                sessions.user_id, sessions.created_at, sessions.expires_at, sessions.revoked_at
            FROM refresh_tokens JOIN sessions ON sessions.id = refresh_tokens.session_id
            WHERE refresh_tokens.hash = \(hash) AND refresh_tokens.expires_at > \(now)\(sql: lock)
            """)
        guard let row else { return nil }
        return StoredToken(
            sessionID: try row.get("session_id"), userID: try row.get("user_id"),
            generation: try row.get("generation"), createdAt: try row.get("created_at"),
            expiresAt: try row.get("expires_at"), rotatedAt: try row.get("rotated_at"),
            isRevoked: try row.get("revoked_at", as: Timestamp?.self) != nil)
    }

    private static func insert(
        _ hash: String, of sessionID: String, _ generation: Int, until expiry: Timestamp,
        in transaction: any Transaction
    ) async throws {
        try await transaction.execute(
            """
            INSERT INTO refresh_tokens (hash, session_id, generation, expires_at)
            VALUES (\(hash), \(sessionID), \(generation), \(expiry))
            """)
    }

    private func revoke(
        _ token: StoredToken, _ reason: SessionEndings.Reason, at now: Timestamp,
        in transaction: any Transaction
    ) async throws {
        let isFirst =
            try await transaction.execute(
                "UPDATE sessions SET revoked_at = \(now) WHERE id = \(token.sessionID) AND revoked_at IS NULL"
            )
            == 1
        guard isFirst else { return }
        try await endings.announce([token.sessionID], of: token.userID, reason, in: transaction)
    }
}
