package import SoukDatabase
package import SoukTime

/// Where a PostgreSQL database is and how it is used. Its description never holds the password.
package struct PostgresOptions: Sendable {
    let target: PostgresTarget

    /// Logs in with this instead of the URI's password; without either, libpq asks `PGPASSWORD` and the password
    /// file (`passfile=…`, `PGPASSFILE`).
    package var password: String?
    /// Connections at most; each has a thread of its own while it is in use.
    package var poolSize = 8
    /// How many calls may wait for a connection; one more is refused with `.busy`.
    package var waiterLimit = 1_024
    /// How long a call may wait for a connection; then it is refused with `.busy`.
    package var acquireTimeout: Duration = .seconds(5)
    /// How long the server may work on one statement; then it fails with `.busy`. Nil for as long as it takes.
    package var statementTimeout: Duration? = .seconds(30)
    /// How long connecting may take, for each host; whole seconds, at least 2. The URI's `connect_timeout` wins.
    package var connectTimeout: Duration = .seconds(5)
    /// A connection that nobody used for so long is closed.
    package var idleTimeout: Duration = .seconds(600)
    /// An idle connection is tried this often.
    package var healthCheckInterval: Duration = .seconds(30)
    /// A connection is not lent any more after this time, give or take a tenth.
    package var maximumLifetime: Duration = .seconds(3_600)
    /// Prepared statements kept by each connection, at least 1.
    package var statementCacheSize = 256
    /// How often a transaction that got in others' way is run, at most; then it fails with `.busy`.
    package var attemptLimit = 50
    /// After this time a transaction that got in others' way is not run again.
    package var retryTimeout: Duration = .seconds(10)
    /// How the sessions call themselves in `pg_stat_activity`; the URI's `application_name` wins.
    package var applicationName = "souk"
    /// Sleeps between attempts and ends waits for a connection.
    package var clock: any WallClock = SystemClock()

    /// - Parameter url: A URI as libpq reads it (https://www.postgresql.org/docs/15/libpq-connect.html), with any of
    ///   its parameters: `postgres://souk@db1:5432,db2/orders?sslmode=verify-full&target_session_attrs=read-write`.
    /// - Throws: `.connection` where the URI cannot be read; the detail holds none of it.
    package init(url: String) throws(DatabaseError) {
        target = try PostgresTarget(url: url)
    }
}

extension PostgresOptions: CustomStringConvertible, CustomReflectable {
    package var description: String { target.description }
    package var customMirror: Mirror { Mirror(self, children: ["target": target.description]) }
}
