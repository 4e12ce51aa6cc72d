import Logging
import SoukDatabase
import SoukTime

/// What became of an attempt to send a mail.
enum MailOutcome: String, Sendable {
    case sent
    /// There is nobody to send it to, or nothing any more.
    case undeliverable
    /// The address is not verified yet.
    case withheld
    /// To be tried again later.
    case postponed
}

/// Mails that wait in a table with `state`, `attempts` and `next_at`, each under a key.
///
/// Where several processes send, each takes its own share. A crash between sending and settling sends the same mail again.
struct MailQueue<Key: SQLBindable & SQLDecodable & Hashable & Sendable>: Sendable {
    let database: any Database
    let table: String
    /// The name of the key's column.
    let key: String

    /// How long one process may keep a batch to itself.
    private static var lease: Duration { .seconds(300) }
    private static var batch: Int { 100 }
    /// So many mails in a row that throw mean that none gets through now.
    private static var failuresInRow: Int { 5 }

    /// Sends everything that is due, batch by batch. What a batch that fails leaves behind is due again.
    ///
    /// A mail whose sending throws is postponed, and the others go on; several in a row end the batch, with the last one's error.
    ///
    /// - Parameters:
    ///   - prepare: loads what the mails of a batch need.
    ///   - send: sends one of them.
    func drain<Batch>(
        _ clock: any WallClock, _ logger: Logger, prepare: ([Key]) async throws -> Batch,
        send: (Key, Batch) async throws -> MailOutcome
    ) async throws {
        var failures = 0
        while true {
            let now = clock.now()
            var waiting = try await take(at: now, until: now + Self.lease, limit: Self.batch)[...]
            guard !waiting.isEmpty else { return }
            do {
                let batch = try await prepare(Array(waiting))
                while let mail = waiting.first {
                    try Task.checkCancellation()
                    let result = await Self.result { try await send(mail, batch) }
                    // The job was stopped: that is nothing about the mail.
                    try Task.checkCancellation()
                    try await settle(mail, (try? result.get()) ?? .postponed, at: clock.now())
                    waiting.removeFirst()
                    guard case .failure(let error) = result else {
                        failures = 0
                        continue
                    }
                    failures += 1
                    guard failures < Self.failuresInRow else { throw error }
                    logger.warning("e-mail put off", metadata: ["mail_id": "\(mail)", "error": "\(error)"])
                }
            } catch {
                await giveBack(Array(waiting), dueSince: now, logger)
                throw error
            }
        }
    }

    private static func result(
        _ body: () async throws -> MailOutcome
    ) async -> Result<MailOutcome, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// What is due, the oldest first.
    func due(at now: Timestamp, limit: Int) async throws -> [Key] {
        try await database.query(
            """
            SELECT \(raw: key) FROM \(raw: table)
            WHERE state = 'pending' AND next_at <= \(now) ORDER BY next_at LIMIT \(limit)
            """
        ).map { try $0.get(key) }
    }

    /// As ``due(at:limit:)``, for whoever sends them. Where several processes may send, these are nobody else's until `end`, and
    /// due again then should they still wait.
    func take(at now: Timestamp, until end: Timestamp, limit: Int) async throws -> [Key] {
        switch database.dialect {
        case .sqlite:
            return try await due(at: now, limit: limit)
        case .postgres:
            return try await database.transaction(isolation: .readCommitted) { tx in
                try await tx.query(
                    """
                    UPDATE \(raw: table) SET next_at = \(end) WHERE \(raw: key) = ANY (ARRAY(
                        SELECT \(raw: key) FROM \(raw: table) WHERE state = 'pending' AND next_at <= \(now)
                        ORDER BY next_at LIMIT \(limit)\(sql: tx.forUpdateSkippingLocked)))
                    RETURNING \(raw: key)
                    """
                ).map { try $0.get(key) }
            }
        }
    }

    private func settle(_ mail: Key, _ outcome: MailOutcome, at now: Timestamp) async throws {
        guard outcome == .postponed else {
            try await database.execute(
                "UPDATE \(raw: table) SET state = \(outcome.rawValue) WHERE \(raw: key) = \(mail)")
            return
        }
        try await database.transaction(isolation: .readCommitted) { tx in
            let attempts =
                try await tx.scalar(
                    "SELECT attempts FROM \(raw: table) WHERE \(raw: key) = \(mail)\(sql: tx.forUpdate)",
                    as: Int.self)
                ?? 0
            // One minute, doubling to one hour.
            let wait = Duration.seconds(min(60 << min(attempts, 6), 3_600))
            try await tx.execute(
                """
                UPDATE \(raw: table) SET attempts = attempts + 1, next_at = \(now + wait)
                WHERE \(raw: key) = \(mail)
                """)
        }
    }

    private func giveBack(_ mails: [Key], dueSince time: Timestamp, _ logger: Logger) async {
        // In a task of its own, waited for: a job that was cancelled lets go, too.
        let outcome = await Task {
            try await database.execute(
                """
                UPDATE \(raw: table) SET next_at = \(time)
                WHERE state = 'pending' AND \(raw: key) IN (\(list: mails))
                """)
        }.result
        if case .failure(let error) = outcome {
            logger.warning("e-mails wait for the end of their lease", metadata: ["error": "\(error)"])
        }
    }
}
