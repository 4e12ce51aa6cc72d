import SoukDatabase

extension AuthMigrations {
    /// Addresses are claimed first and verified later: only a verified one is unique.
    ///
    /// Those of accounts that exist already were unique and have been written to: they count as verified.
    static let addresses: [Migration] = [
        Migration(5, "claimed addresses", sqlite: rebuiltUsers, postgres: changedUsers),
        Migration(
            6, "mail requests",
            portable: [
                """
                CREATE TABLE mail_requests (
                    id TEXT NOT NULL PRIMARY KEY,
                    purpose TEXT NOT NULL CHECK (purpose IN ('claim', 'change_notice', 'reset')),
                    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
                    email TEXT NOT NULL,
                    token_hash TEXT,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    CHECK (purpose = 'reset' OR user_id IS NOT NULL),
                    CHECK (token_hash IS NULL OR user_id IS NOT NULL)
                ) STRICT
                """,
                "CREATE UNIQUE INDEX mail_requests_by_token ON mail_requests (token_hash) WHERE token_hash IS NOT NULL",
                "CREATE INDEX mail_requests_by_user ON mail_requests (user_id, purpose, created_at)",
                "CREATE INDEX mail_requests_by_expiry ON mail_requests (expires_at)",
            ]),
    ]

    private static let verifiedIndex =
        "CREATE UNIQUE INDEX users_email_verified ON users (email) WHERE email_verified_at IS NOT NULL"
    private static let claimsIndex =
        "CREATE INDEX users_by_email ON users (email, created_at, id)"

    private static let changedUsers = [
        "ALTER TABLE users ADD COLUMN email_verified_at BIGINT",
        "UPDATE users SET email_verified_at = created_at",
        "ALTER TABLE users DROP CONSTRAINT users_email_unique",
        verifiedIndex, claimsIndex,
    ]

    /// SQLite drops no constraint, and a table that is dropped takes the rows that refer to it along: each table is copied together
    /// with what refers to it, and the old ones go from the last to the first.
    private static let rebuiltUsers = [
        """
        CREATE TABLE new_users (
            id TEXT NOT NULL PRIMARY KEY,
            email TEXT NOT NULL,
            email_verified_at INTEGER,
            name TEXT NOT NULL,
            search_text TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            active INTEGER NOT NULL CHECK (active IN (0, 1)),
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        INSERT INTO new_users SELECT id, email, created_at, name, search_text, password_hash, active, version, created_at,
            updated_at FROM users
        """,
        """
        CREATE TABLE new_user_roles (
            user_id TEXT NOT NULL REFERENCES new_users (id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('admin', 'vendor', 'customer')),
            PRIMARY KEY (user_id, role)
        ) STRICT
        """,
        "INSERT INTO new_user_roles SELECT user_id, role FROM user_roles",
        """
        CREATE TABLE new_sessions (
            id TEXT NOT NULL PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES new_users (id) ON DELETE CASCADE,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            revoked_at INTEGER
        ) STRICT
        """,
        "INSERT INTO new_sessions SELECT id, user_id, created_at, expires_at, revoked_at FROM sessions",
        """
        CREATE TABLE new_refresh_tokens (
            hash TEXT NOT NULL PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES new_sessions (id) ON DELETE CASCADE,
            generation INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            rotated_at INTEGER
        ) STRICT
        """,
        "INSERT INTO new_refresh_tokens SELECT hash, session_id, generation, expires_at, rotated_at FROM refresh_tokens",
        "DROP TABLE refresh_tokens",
        "DROP TABLE sessions",
        "DROP TABLE user_roles",
        "DROP TABLE users",
        "ALTER TABLE new_users RENAME TO users",
        "ALTER TABLE new_user_roles RENAME TO user_roles",
        "ALTER TABLE new_sessions RENAME TO sessions",
        "ALTER TABLE new_refresh_tokens RENAME TO refresh_tokens",
        "CREATE INDEX users_by_age ON users (created_at, id)",
        "CREATE INDEX user_roles_by_role ON user_roles (role, user_id)",
        "CREATE INDEX sessions_by_user ON sessions (user_id)",
        "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
        "CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id)",
        "CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at)",
        verifiedIndex, claimsIndex,
    ]
}
