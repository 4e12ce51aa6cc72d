/// How a SQLite database is opened. The defaults suit a service: durable commits and little memory.
package struct SQLiteOptions: Sendable {
    /// What a commit waits for.
    package enum Synchronous: String, Sendable, CaseIterable {
        /// The log is on the disk: a commit survives the loss of power.
        case full = "FULL"
        /// Commits survive a killed process; the last ones may be lost with the power.
        case normal = "NORMAL"
        /// The operating system decides. For tests.
        case off = "OFF"
    }

    package var synchronous: Synchronous
    /// How long transactions that wait for the writer may join those before them, to be committed together; zero: each by
    /// itself.
    package var commitWindow: Duration
    /// Connections for reading, each with a thread of its own; at least 1.
    package var readers: Int
    /// How many calls may wait for the writer, and how many for a reader; one more is refused with `.busy`.
    package var waiterLimit: Int
    /// How long a statement waits for a lock that another process holds.
    package var busyTimeout: Duration
    /// Prepared statements kept by each connection.
    package var statementCacheSize: Int
    /// Page cache of the writer, in KiB.
    package var writerCacheKibibytes: Int
    /// Page cache of each reader, in KiB.
    package var readerCacheKibibytes: Int
    /// After how many pages of log the writer copies them into the database.
    package var checkpointPages: Int
    /// The log file is cut to this size after a checkpoint, in bytes.
    package var journalSizeLimitBytes: Int
    /// The database's largest size in pages of 4 KiB; more fails with `.full`. Nil: the disk decides.
    package var maximumPages: Int?

    package init(
        synchronous: Synchronous = .full, commitWindow: Duration = .milliseconds(5), readers: Int = 2,
        waiterLimit: Int = 1_024,
        busyTimeout: Duration = .seconds(5), statementCacheSize: Int = 128, writerCacheKibibytes: Int = 2_048,
        readerCacheKibibytes: Int = 1_024, checkpointPages: Int = 1_000,
        journalSizeLimitBytes: Int = 8 << 20, maximumPages: Int? = nil
    ) {
        precondition(
            readers >= 1 && waiterLimit >= 0 && statementCacheSize >= 1, "a database needs connections")
        self.synchronous = synchronous
        self.commitWindow = commitWindow
        self.readers = readers
        self.waiterLimit = waiterLimit
        self.busyTimeout = busyTimeout
        self.statementCacheSize = statementCacheSize
        self.writerCacheKibibytes = writerCacheKibibytes
        self.readerCacheKibibytes = readerCacheKibibytes
        self.checkpointPages = checkpointPages
        self.journalSizeLimitBytes = journalSizeLimitBytes
        self.maximumPages = maximumPages
    }
}
