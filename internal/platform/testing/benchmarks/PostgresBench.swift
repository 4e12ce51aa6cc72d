import ArgumentParser
import SoukDatabase
import SoukDatabasePostgres

/// The transactions of pgbench through our driver, on the tables that `pgbench -i` made.
struct PostgresBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postgres", abstract: "pgbench's transactions through SoukDatabasePostgres.")

    enum Workload: String, ExpressibleByArgument, CaseIterable {
        /// One row by its key.
        case select
        /// Three updates, a read and an insert in one transaction (TPC-B-like).
        case tpcb
    }

    @OptionGroup var server: ServerOptions
    @Option var workload = Workload.select
    @Option(help: "Tasks, and connections.") var clients = 8
    @Option var seconds = 2.0
    @Option(help: "pgbench's scale factor.") var scale = 1

    func run() async throws {
        var options = try PostgresOptions(url: server.url)
        options.password = try server.password
        options.poolSize = clients
        let database = PostgresDatabase.open(options)
        let transaction = transaction(database)
        // Connections are made and statements prepared before it counts.
        _ = try await repeatedly(tasks: clients, for: .milliseconds(300), transaction)
        let meter = Meter()
        let latencies = try await repeatedly(tasks: clients, for: .seconds(seconds), transaction)
        try meter.measurement(workload.rawValue, operations: latencies.count, latencies: latencies).report()
        await database.close()
    }

    private func transaction(
        _ database: PostgresDatabase
    ) -> @Sendable (inout SplitMix) async throws -> Void {
        let accounts = 1...(100_000 * scale)
        switch workload {
        case .select:
            return { random in
                let account = Int.random(in: accounts, using: &random)
                let row = try await database.first(
                    "SELECT abalance FROM pgbench_accounts WHERE aid = \(account)")
                guard row != nil else { throw ValidationError("account \(account) is not there") }
            }
        case .tpcb:
            let (branches, tellers) = (1...scale, 1...(10 * scale))
            return { random in
                let account = Int.random(in: accounts, using: &random)
                let branch = Int.random(in: branches, using: &random)
                let teller = Int.random(in: tellers, using: &random)
                let delta = Int.random(in: -5_000...5_000, using: &random)
                // Read committed, as pgbench's.
                try await database.transaction(isolation: .readCommitted) { transaction in
                    try await transaction.execute(
                        "UPDATE pgbench_accounts SET abalance = abalance + \(delta) WHERE aid = \(account)")
                    _ = try await transaction.first(
                        "SELECT abalance FROM pgbench_accounts WHERE aid = \(account)")
                    try await transaction.execute(
                        "UPDATE pgbench_tellers SET tbalance = tbalance + \(delta) WHERE tid = \(teller)")
                    try await transaction.execute(
                        "UPDATE pgbench_branches SET bbalance = bbalance + \(delta) WHERE bid = \(branch)")
                    try await transaction.execute(
                        """
                        INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
                        VALUES (\(teller), \(branch), \(account), \(delta), CURRENT_TIMESTAMP)
                        """)
                }
            }
        }
    }
}
