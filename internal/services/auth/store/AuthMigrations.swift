import SoukDatabase

/// The auth service's schema.
enum AuthMigrations {
    static let set = "auth"

    static let all: [Migration] = accounts + addresses

    private static let accounts: [Migration] = [
        Migration(
            1, "accounts",
            portable: [
                """
                CREATE TABLE users (
                    id TEXT NOT NULL PRIMARY KEY,
                    email TEXT NOT NULL CONSTRAINT users_email_unique UNIQUE,
                    name TEXT NOT NULL,
                    search_text TEXT NOT NULL,
                    password_hash TEXT NOT NULL,
                    active INTEGER NOT NULL CHECK (active IN (0, 1)),
                    version INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT
                """,
                "CREATE INDEX users_by_age ON users (created_at, id)",
                """
                CREATE TABLE user_roles (
                    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    role TEXT NOT NULL CHECK (role IN ('admin', 'vendor', 'customer')),
                    PRIMARY KEY (user_id, role)
                ) STRICT
                """,
                "CREATE INDEX user_roles_by_role ON user_roles (role, user_id)",
            ]),
        Migration(
            2, "sessions",
            portable: [
                """
                CREATE TABLE sessions (
                    id TEXT NOT NULL PRIMARY KEY,
                    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    revoked_at INTEGER
                ) STRICT
                """,
                "CREATE INDEX sessions_by_user ON sessions (user_id)",
                "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
                """
                CREATE TABLE refresh_tokens (
                    hash TEXT NOT NULL PRIMARY KEY,
                    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
                    generation INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    rotated_at INTEGER
                ) STRICT
                """,
                "CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id)",
                "CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at)",
            ]),
        Migration(
            3, "throttles",
            portable: [
                """
                CREATE TABLE throttles (
                    scope TEXT NOT NULL,
                    subject TEXT NOT NULL,
                    started_at INTEGER NOT NULL,
                    ends_at INTEGER NOT NULL,
                    attempts INTEGER NOT NULL,
                    PRIMARY KEY (scope, subject)
                ) STRICT
                """,
                "CREATE INDEX throttles_by_end ON throttles (ends_at)",
            ]),
        Migration(
            4, "secrets",
            portable: [
                """
                CREATE TABLE secrets (
                    name TEXT NOT NULL PRIMARY KEY,
                    value BLOB NOT NULL
                ) STRICT
                """
            ]),
    ]
}
