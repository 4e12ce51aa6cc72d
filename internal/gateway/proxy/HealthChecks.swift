import AsyncHTTPClient
import CoreMetrics
import Logging
import NIOCore
import NIOHTTP1
import SoukTime
import Synchronization

/// Asks every address of the services that want it, at their interval, and takes those out that don't answer well.
struct HealthChecks: Sendable {
    let policy: @Sendable () -> CompiledPolicy
    let clock: any WallClock
    let logger: Logger

    /// How often it is looked whether a check is due.
    private static let pause: Duration = .milliseconds(250)

    /// Until cancelled.
    func run() async throws {
        var counts: [ObjectIdentifier: Count] = [:]
        var due: [String: ContinuousClock.Instant] = [:]
        while true {
            let now = ContinuousClock.now
            let upstreams = policy().upstreams.values.filter { $0.policy.healthCheck != nil }
            let waiting = upstreams.filter { due[$0.name].map { $0 <= now } ?? true }
            for upstream in waiting {
                due[upstream.name] = now + (upstream.policy.healthCheck?.interval ?? .zero)
            }
            for (upstream, answers) in await ask(waiting) {
                guard let check = upstream.policy.healthCheck else { continue }
                for (address, isWell) in answers {
                    counts[ObjectIdentifier(address), default: Count()].note(
                        isWell, of: address, check, logger)
                }
                upstream.metrics.healthyAddresses.set(
                    answers.count { $0.0.isHealthy.load(ordering: .relaxed) })
            }
            let alive = Set(upstreams.flatMap { $0.addresses.map(ObjectIdentifier.init) })
            counts = counts.filter { alive.contains($0.key) }
            try await clock.sleep(for: Self.pause)
        }
    }

    /// All at once: one that is away must not hold up the others.
    private func ask(_ upstreams: [Upstream]) async -> [(Upstream, [(UpstreamAddress, Bool)])] {
        await withTaskGroup(of: (Upstream, [(UpstreamAddress, Bool)]).self) { group in
            for upstream in upstreams {
                guard let check = upstream.policy.healthCheck else { continue }
                group.addTask { (upstream, await ask(upstream.addresses, check)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func ask(_ addresses: [UpstreamAddress], _ check: HealthCheckPolicy) async -> [(
        UpstreamAddress, Bool
    )] {
        await withTaskGroup(of: (UpstreamAddress, Bool).self) { group in
            for address in addresses {
                group.addTask {
                    let request = HTTPClientRequest(url: "http://\(address.host)\(check.path)")
                    let answer = try? await HTTPClient.shared.execute(
                        request, timeout: TimeAmount(check.timeout))
                    return (address, answer.map { (200..<400).contains($0.status.code) } ?? false)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// How many answers in a row were good or bad.
    private struct Count {
        var good = 0
        var bad = 0

        mutating func note(
            _ isWell: Bool, of address: UpstreamAddress, _ check: HealthCheckPolicy, _ logger: Logger
        ) {
            (good, bad) = isWell ? (good + 1, 0) : (0, bad + 1)
            let was = address.isHealthy.load(ordering: .relaxed)
            if was, bad >= check.unhealthyAfter {
                address.isHealthy.store(false, ordering: .relaxed)
                logger.warning("a service's address is taken out", metadata: ["address": "\(address)"])
            } else if !was, good >= check.healthyAfter {
                address.isHealthy.store(true, ordering: .relaxed)
                logger.notice("a service's address is back", metadata: ["address": "\(address)"])
            }
        }
    }
}
