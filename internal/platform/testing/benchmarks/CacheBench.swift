import ArgumentParser
import SoukCache
import SoukCacheRedis
import SoukEnv

/// redis-benchmark's GET and SET through our driver.
struct CacheBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "GET and SET through SoukCacheRedis.")

    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case get, set
    }

    @OptionGroup var server: ServerOptions
    @Option var workload = Workload.get
    @Option(help: "Tasks that share the driver's one connection: with several of them it is pipelined.")
    var tasks = 1
    @Option var seconds = 2.0
    @Option(help: "How many keys there are.") var keys = 100_000
    @Option(help: "Size of a value in bytes.") var size = 64

    func run() async throws {
        let options = try RedisOptions(url: server.url, password: try server.password.map { Secret($0) })
        let cache = try RedisCache.open(options)
        let value = [UInt8](repeating: 0x78, count: size)
        let operation: @Sendable (inout SplitMix) async throws -> Void
        switch workload {
        case .get:
            operation = { [keys] random in
                _ = try await cache.get("bench:\(Int.random(in: 0..<keys, using: &random))")
            }
        case .set:
            operation = { [keys] random in
                let key = "bench:\(Int.random(in: 0..<keys, using: &random))"
                try await cache.set(key, value, timeToLive: .seconds(600), condition: .always)
            }
        }
        _ = try await repeatedly(tasks: tasks, for: .milliseconds(200), operation)
        let meter = Meter()
        let latencies = try await repeatedly(tasks: tasks, for: .seconds(seconds), operation)
        try meter.measurement(workload.rawValue, operations: latencies.count, latencies: latencies).report()
        await cache.close()
    }
}
