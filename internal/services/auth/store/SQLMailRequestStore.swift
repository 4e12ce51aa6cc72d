import SoukAuthKernel
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Requests for mails in SQL.
///
/// What changes the requests of one account takes turns by the lock `mails:<user>`, and redeems a token by deleting it.
struct SQLMailRequestStore: MailRequestStore {
    let database: any Database
    let accounts: SQLAccountStore
    let outbox: Outbox
    /// Expired rows are removed so many at a time.
    private static let purgeBatch = 1_000

    func add(_ requests: [MailRequest]) async throws {
        try await database.transaction(isolation: .readCommitted) { transaction in
            for request in requests { try await Self.add(request, outbox, in: transaction) }
        }
    }

    /// Adds one request in a transaction that is running.
    static func add(_ request: MailRequest, _ outbox: Outbox, in transaction: any Transaction) async throws {
        try await transaction.execute(
            """
            INSERT INTO mail_requests (id, purpose, user_id, email, created_at, expires_at)
            VALUES (\(request.id), \(request.purpose.rawValue), \(request.userID), \(request.email),
                \(request.createdAt), \(request.expiresAt))
            """)
        if request.isSent {
            try await outbox.append(UserMailRequested(requestId: request.id), in: transaction)
        }
    }

    func claimedAddress(of userID: UserID, at now: Timestamp) async throws -> String? {
        try await database.scalar(
            """
            SELECT email FROM mail_requests
            WHERE user_id = \(userID) AND purpose = 'claim' AND expires_at > \(now)
            ORDER BY created_at DESC, id DESC LIMIT 1
            """)
    }

    func mail(for request: MailRequestID, token: MailToken, at now: Timestamp) async throws -> AccountMail? {
        try await database.transaction(isolation: .readCommitted) { transaction in
            guard let request = try await Self.request(request, at: now, in: transaction),
                let userID = try await addressee(of: request, in: transaction)
            else { return nil }
            try await transaction.lock("mails:\(userID)")
            // Read behind the lock: as they are until the end.
            guard let user = try await accounts.user(userID, in: transaction), user.isActive,
                let content = try await content(request, user, token, in: transaction)
            else { return nil }
            switch content {
            case .addressInUse, .changeRequested: break
            case .verification, .passwordReset:
                let isLive = try await Self.set(token, of: request, user.id, in: transaction)
                guard isLive else { return nil }
            }
            return AccountMail(address: request.email, content: content)
        }
    }

    func verify(_ token: String, by userID: UserID, at now: Timestamp) async throws -> User {
        do {
            return try await database.transaction(isolation: .readCommitted) { transaction in
                try await transaction.lock("mails:\(userID)")
                let email = try await transaction.scalar(
                    """
                    DELETE FROM mail_requests WHERE token_hash = \(Digest.sha256(token)) AND purpose = 'claim'
                        AND user_id = \(userID) AND expires_at > \(now) RETURNING email
                    """, as: String.self)
                guard let email else { throw AuthError.mailTokenInvalid }
                // The others are for addresses that the user has decided against.
                try await transaction.execute(
                    "DELETE FROM mail_requests WHERE user_id = \(userID) AND purpose = 'claim'")
                return try await accounts.update(userID, expected: nil, at: now, in: transaction) { account in
                    guard account.user.isActive else { throw AuthError.accountInactive }
                    account.user.email = email
                    account.user.emailVerifiedAt = now
                    return .none
                }
            }
        } catch let error as DatabaseError {
            if case .uniqueViolation = error.reason { throw AuthError.addressInUse }
            throw error
        }
    }

    func user(ofReset token: String, at now: Timestamp) async throws -> User {
        try await database.snapshot { reader in try await user(ofReset: token, at: now, in: reader) }
    }

    func reset(_ token: String, passwordHash: String, at now: Timestamp) async throws -> User {
        try await database.transaction(isolation: .readCommitted) { transaction in
            let user = try await user(ofReset: token, at: now, in: transaction)
            try await transaction.lock("mails:\(user.id)")
            let deleted = try await transaction.execute(
                "DELETE FROM mail_requests WHERE token_hash = \(Digest.sha256(token)) AND purpose = 'reset'")
            guard deleted == 1 else { throw AuthError.mailTokenInvalid }
            // Whatever else was asked for, somebody else may have asked for it, another address above all.
            try await transaction.execute("DELETE FROM mail_requests WHERE user_id = \(user.id)")
            return try await accounts.update(user.id, expected: nil, at: now, in: transaction) { account in
                guard account.user.canReset(by: user.email) else { throw AuthError.mailTokenInvalid }
                account.passwordHash = passwordHash
                return .allForNewPassword
            }
        }
    }

    func purge(at now: Timestamp) async throws {
        let batch = Self.purgeBatch
        try await database.executeInBatches(of: batch) {
            """
            DELETE FROM mail_requests WHERE id IN (
                SELECT id FROM mail_requests WHERE expires_at <= \(now) LIMIT \(batch))
            """
        }
    }

    // MARK: - Sending

    private struct Request {
        let id: MailRequestID
        let purpose: MailPurpose
        let userID: UserID?
        let email: String
        let expiresAt: Timestamp
    }

    private static func request(
        _ id: MailRequestID, at now: Timestamp, in reader: any SQLExecutor
    ) async throws -> Request? {
        let row = try await reader.first(
            "SELECT * FROM mail_requests WHERE id = \(id) AND expires_at > \(now)")
        guard let row, let purpose = MailPurpose(rawValue: try row.get("purpose")) else { return nil }
        return Request(
            id: id, purpose: purpose, userID: try row.get("user_id"), email: try row.get("email"),
            expiresAt: try row.get("expires_at"))
    }

    /// Whose account the mail is about; nil where nobody has verified the address.
    private func addressee(of request: Request, in transaction: any Transaction) async throws -> UserID? {
        if let userID = request.userID { return userID }
        return try await accounts.account(verifiedEmail: request.email, in: transaction)?.user.id
    }

    private func content(
        _ request: Request, _ user: User, _ token: MailToken, in transaction: any Transaction
    ) async throws -> AccountMail.Content? {
        let isOwn = user.isEmailVerified && user.email == request.email
        switch request.purpose {
        case .claim where isOwn:
            return nil
        case .claim:
            let owner = try await accounts.account(verifiedEmail: request.email, in: transaction)
            return owner == nil ? .verification(token, expiresAt: request.expiresAt) : .addressInUse
        case .changeNotice:
            return isOwn ? .changeRequested : nil
        case .reset:
            return isOwn ? .passwordReset(token, expiresAt: request.expiresAt) : nil
        }
    }

    /// Makes the token the request's; false where the request was settled meanwhile.
    private static func set(
        _ token: MailToken, of request: Request, _ userID: UserID, in transaction: any Transaction
    ) async throws -> Bool {
        let changed = try await transaction.execute(
            """
            UPDATE mail_requests SET token_hash = \(Digest.sha256(token.reveal())), user_id = \(userID)
            WHERE id = \(request.id)
            """)
        try await transaction.execute(
            """
            UPDATE mail_requests SET token_hash = NULL WHERE id IN (
                SELECT id FROM mail_requests
                WHERE user_id = \(userID) AND purpose = \(request.purpose.rawValue) AND token_hash IS NOT NULL
                ORDER BY created_at DESC, id DESC LIMIT \(purgeBatch) OFFSET \(liveTokens))
            """)
        return changed == 1
    }

    // MARK: - Resets

    /// The account whose password the token resets, if it still has the address that the token was sent to.
    private func user(
        ofReset token: String, at now: Timestamp, in reader: any SQLExecutor
    ) async throws -> User {
        let row = try await reader.first(
            """
            SELECT user_id, email FROM mail_requests
            WHERE token_hash = \(Digest.sha256(token)) AND purpose = 'reset' AND expires_at > \(now)
            """)
        guard let row, let user = try await accounts.user(try row.get("user_id"), in: reader) else {
            throw AuthError.mailTokenInvalid
        }
        guard user.canReset(by: try row.get("email")) else { throw AuthError.mailTokenInvalid }
        return user
    }
}

extension User {
    /// Whether who reads this mailbox may give the account a new password.
    fileprivate func canReset(by mailbox: String) -> Bool {
        isActive && isEmailVerified && email == mailbox
    }
}
