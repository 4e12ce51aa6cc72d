import SoukCallContext
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukGuards
import SoukIDs
import SoukPagination
import SoukTime
import SoukText

/// Accounts in SQL.
struct SQLAccountStore: AccountStore {
    let database: any Database
    let outbox: Outbox
    let endings: SessionEndings

    /// Ids bound to one statement at most.
    private static let batch = 500

    func create(_ account: Account, mail: MailRequest?) async throws {
        let user = account.user
        // Only adds rows: a verified address is unique by itself.
        try await database.transaction(isolation: .readCommitted) { transaction in
            do {
                try await transaction.execute(
                    """
                    INSERT INTO users (id, email, email_verified_at, name, search_text, password_hash, active, version,
                        created_at, updated_at)
                    VALUES (\(user.id), \(user.email), \(user.emailVerifiedAt), \(user.name), \(Self.searchText(user)),
                        \(account.passwordHash), \(user.isActive), \(user.version), \(user.createdAt), \(user.updatedAt))
                    """)
            } catch let error as DatabaseError {
                if case .uniqueViolation = error.reason { throw AuthError.addressInUse }
                throw error
            }
            try await Self.insert(user.roles, of: user.id, in: transaction)
            try await outbox.append(
                UserRegistered(
                    userId: user.id, email: user.email, name: user.name,
                    emailVerified: user.isEmailVerified), in: transaction)
            if let mail { try await SQLMailRequestStore.add(mail, outbox, in: transaction) }
        }
    }

    func account(_ id: UserID) async throws -> Account? {
        try await Self.account("id = \(id)", in: database)
    }

    func account(verifiedEmail email: String) async throws -> Account? {
        try await account(verifiedEmail: email, in: database)
    }

    /// As ``account(verifiedEmail:)``, in a transaction that is running.
    func account(verifiedEmail email: String, in reader: any SQLExecutor) async throws -> Account? {
        try await Self.account("email = \(email) AND email_verified_at IS NOT NULL", in: reader)
    }

    func loginCandidates(email: String) async throws -> [Account] {
        try await database.snapshot { reader in
            let verified = try await account(verifiedEmail: email, in: reader)
            let claim = try await Self.account(
                """
                email = \(email) AND email_verified_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 1
                """, in: reader)
            return [verified, claim].compactMap(\.self)
        }
    }

    func claimants(email: String) async throws -> [UserID] {
        try await database.snapshot { reader in
            let verified = try await reader.query(
                "SELECT id FROM users WHERE email = \(email) AND email_verified_at IS NOT NULL")
            let claims = try await reader.query(
                """
                SELECT id FROM users WHERE email = \(email) AND email_verified_at IS NULL
                ORDER BY created_at DESC, id DESC LIMIT \(Self.claimants)
                """)
            return try (verified + claims).map { try $0.get("id") }
        }
    }

    func user(_ id: UserID) async throws -> User? {
        try await user(id, in: database)
    }

    /// As ``user(_:)``, in a transaction that is running.
    func user(_ id: UserID, in reader: any SQLExecutor) async throws -> User? {
        try await Self.account("id = \(id)", in: reader)?.user
    }

    func users(_ ids: [UserID]) async throws -> [User] {
        guard !ids.isEmpty else { return [] }
        return try await database.snapshot { reader in
            var users: [User] = []
            for start in stride(from: 0, to: ids.count, by: Self.batch) {
                let part = Array(ids[start..<min(start + Self.batch, ids.count)])
                let rows = try await reader.query("SELECT * FROM users WHERE id IN (\(list: part))")
                users += try await Self.users(rows, in: reader)
            }
            return users
        }
    }

    func list(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User> {
        var terms: [SQL] = []
        // check-text: words for people, in any script
        if let text = filter.text?.lowercased(), !text.isEmpty {
            terms.append("search_text LIKE \(SQLText.pattern(containing: text)) ESCAPE '\\'")
        }
        if let role = filter.role {
            terms.append("id IN (SELECT user_id FROM user_roles WHERE role = \(role.rawValue))")
        }
        let filter: SQL = terms.isEmpty ? "" : "WHERE \(sql: terms.joined(separator: " AND "))"
        return try await database.snapshot { reader in
            let count =
                try await reader.scalar("SELECT COUNT(*) FROM users \(sql: filter)", as: Int.self) ?? 0
            let rows = try await reader.query(
                """
                SELECT * FROM users \(sql: filter) ORDER BY created_at DESC, id DESC
                LIMIT \(page.size) OFFSET \(page.offset)
                """)
            return Page(items: try await Self.users(rows, in: reader), request: page, totalCount: count)
        }
    }

    func replaceHash(of id: UserID, _ old: String, by new: String) async throws {
        try await database.execute(
            "UPDATE users SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)")
    }

    func update(
        _ id: UserID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Account) throws -> SessionRevocation
    ) async throws -> User {
        try await database.transaction(isolation: .readCommitted) { transaction in
            try await update(id, expected: expected, at: now, in: transaction, change)
        }
    }

    func administer(
        _ id: UserID, by admin: UserID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Account, _ otherAdmins: Int) throws -> SessionRevocation
    ) async throws -> User {
        try await database.transaction(isolation: .readCommitted) { transaction in
            // Before any row, so that each statement below sees what the administrator before has left.
            try await transaction.lock("role:admin")
            func activeAdmins(_ term: SQL) async throws -> Int {
                try await transaction.scalar(
                    """
                    SELECT COUNT(*) FROM user_roles JOIN users ON users.id = user_roles.user_id
                    WHERE role = 'admin' AND active = 1 AND \(sql: term)
                    """, as: Int.self) ?? 0
            }
            guard try await activeAdmins("user_id = \(admin)") == 1 else { throw AuthError.notAdmin }
            let otherAdmins = try await activeAdmins("user_id <> \(id)")
            return try await update(id, expected: expected, at: now, in: transaction) {
                try change(&$0, otherAdmins)
            }
        }
    }

    /// As ``update(_:expected:at:_:)``, in a transaction that is running.
    func update(
        _ id: UserID, expected: Int?, at now: Timestamp, in transaction: any Transaction,
        _ change: @Sendable (inout Account) throws -> SessionRevocation
    ) async throws -> User {
        // First of all: a session that is opened now waits, and then finds out what becomes of the account.
        guard let before = try await Self.account("id = \(id)\(sql: transaction.forUpdate)", in: transaction)
        else { throw AuthError.unknownUser }
        if let expected, expected != before.user.version { throw AuthError.versionMismatch }
        var after = before
        let revocation = try change(&after)
        try await revokeSessions(revocation, of: id, at: now, in: transaction)
        guard after != before else { return before.user }
        after.user.version = before.user.version + 1
        after.user.updatedAt = now
        let user = after.user
        try await transaction.execute(
            """
            UPDATE users SET email = \(user.email), email_verified_at = \(user.emailVerifiedAt),
                name = \(user.name), search_text = \(Self.searchText(user)),
                password_hash = \(after.passwordHash), active = \(user.isActive), version = \(user.version),
                updated_at = \(now)
            WHERE id = \(id)
            """)
        if user.roles != before.user.roles {
            try await transaction.execute("DELETE FROM user_roles WHERE user_id = \(id)")
            try await Self.insert(user.roles, of: id, in: transaction)
        }
        let running =
            user.roles == before.user.roles && user.isActive == before.user.isActive
            ? nil : try await runningSessions(of: id, at: now, in: transaction)
        if let running, !running.isEmpty {
            let change = AccountChange(userID: id, sessionIDs: running, version: user.version)
            endings.tell(change, after: transaction)
        }
        try await outbox.append(
            UserUpdated(
                userId: id, email: user.email, name: user.name, roles: user.roles.map(\.rawValue).sorted(),
                active: user.isActive, version: user.version, sessionIds: running,
                emailVerified: user.isEmailVerified),
            in: transaction)
        return user
    }

    /// The newest sessions that go on: what guards remember of them is no longer true.
    private func runningSessions(
        of id: UserID, at now: Timestamp, in transaction: any Transaction
    ) async throws -> [String] {
        try await transaction.query(
            """
            SELECT id FROM sessions WHERE user_id = \(id) AND revoked_at IS NULL AND expires_at > \(now)
            ORDER BY created_at DESC, id DESC LIMIT \(UserUpdated.maximumSessions)
            """
        ).map { try $0.get("id", as: String.self) }
    }

    // MARK: - Rows

    private static func account(_ term: SQL, in reader: any SQLExecutor) async throws -> Account? {
        let rows = try await reader.query("SELECT * FROM users WHERE \(sql: term)")
        guard let row = rows.first, let user = try await users(rows, in: reader).first else { return nil }
        return Account(user: user, passwordHash: try row.get("password_hash"))
    }

    private static func users(_ rows: [Row], in reader: any SQLExecutor) async throws -> [User] {
        let ids = try rows.map { try $0.get("id", as: UserID.self) }
        var roles: [UserID: Set<Role>] = [:]
        for row in try await reader.query(
            "SELECT user_id, role FROM user_roles WHERE user_id IN (\(list: ids))")
        {
            guard let role = Role(rawValue: try row.get("role")) else { continue }
            roles[try row.get("user_id"), default: []].insert(role)
        }
        return try zip(ids, rows).map { id, row in
            User(
                id: id, email: try row.get("email"), emailVerifiedAt: try row.get("email_verified_at"),
                name: try row.get("name"), roles: roles[id] ?? [],
                isActive: try row.get("active"), version: try row.get("version"),
                createdAt: try row.get("created_at"), updatedAt: try row.get("updated_at"))
        }
    }

    private static func insert(_ roles: Set<Role>, of id: UserID, in transaction: any Transaction)
        async throws
    {
        guard !roles.isEmpty else { return }
        let rows = roles.map(\.rawValue).sorted().map { "(\(id), \($0))" as SQL }
        try await transaction.execute(
            "INSERT INTO user_roles (user_id, role) VALUES \(sql: rows.joined(separator: ", "))")
    }

    private func revokeSessions(
        _ revocation: SessionRevocation, of id: UserID, at now: Timestamp, in transaction: any Transaction
    ) async throws {
        let others: SQL
        let reason: SessionEndings.Reason
        switch revocation {
        case .none: return
        case .all: (others, reason) = ("", .deactivated)
        case .allForNewPassword: (others, reason) = ("", .passwordChanged)
        case .allBut(let sessionID): (others, reason) = ("AND id <> \(sessionID)", .passwordChanged)
        }
        let ended = try await transaction.query(
            """
            UPDATE sessions SET revoked_at = \(now)
            WHERE user_id = \(id) AND revoked_at IS NULL \(sql: others) RETURNING id
            """)
        try await endings.announce(
            try ended.map { try $0.get("id", as: String.self) }, of: id, reason, in: transaction)
    }

    /// What an admin's search looks through.
    private static func searchText(_ user: User) -> String {
        // check-text: words for people, in any script
        "\(user.email)\n\(user.name.lowercased())"
    }
}
