import NIOCore
import Synchronization

/// One instance of a service. Shared by all event loops.
final class UpstreamAddress: Sendable, CustomStringConvertible {
    /// How long it rests after it refused a connection.
    static let rest: TimeAmount = .seconds(1)

    let host: HostPort
    let socket: SocketAddress
    /// Requests that wait for its answer.
    let outstanding = Atomic<Int>(0)
    /// What health checks found last.
    let isHealthy = Atomic<Bool>(true)
    private let restsUntil = Atomic<UInt64>(0)

    /// - Parameter host: a numeric address.
    init?(_ host: HostPort) {
        guard let socket = try? SocketAddress(ipAddress: host.host, port: host.port) else { return nil }
        self.host = host
        self.socket = socket
    }

    func refusedConnection(at now: NIODeadline) {
        restsUntil.store((now + Self.rest).uptimeNanoseconds, ordering: .relaxed)
    }

    /// Whether others are to be tried before it.
    func isResting(at now: NIODeadline) -> Bool {
        !isHealthy.load(ordering: .relaxed) || restsUntil.load(ordering: .relaxed) > now.uptimeNanoseconds
    }

    var description: String { host.description }
}

/// The instances of one service, which may come, go and move. Shared by all event loops.
final class Upstream: Sendable {
    let policy: UpstreamPolicy
    /// By target, in the targets' order; numeric ones are known from the start.
    private let known: Mutex<[HostPort: [UpstreamAddress]]>
    private let turn = Atomic<Int>(0)
    let metrics: UpstreamMetrics

    var name: String { policy.name }

    init(_ policy: UpstreamPolicy) {
        self.policy = policy
        known = Mutex(
            Dictionary(
                policy.targets.map { ($0, UpstreamAddress($0).map { [$0] } ?? []) },
                uniquingKeysWith: { one, _ in one }))
        metrics = UpstreamMetrics(upstream: policy.name)
    }

    /// All of them, none twice.
    var addresses: [UpstreamAddress] {
        known.withLock { known in
            if policy.targets.count == 1 { return known[policy.targets[0]] ?? [] }
            var all: [UpstreamAddress] = []
            for target in policy.targets {
                for address in known[target] ?? [] where !all.contains(where: { $0.host == address.host }) {
                    all.append(address)
                }
            }
            return all
        }
    }

    /// What a target resolves to now. Instances that stay keep their state.
    func update(_ found: [HostPort], of target: HostPort) {
        known.withLock { known in
            let before = known[target] ?? []
            guard before.map(\.host) != found else { return }
            known[target] = found.compactMap { host in
                before.first { $0.host == host } ?? UpstreamAddress(host)
            }
        }
    }

    /// The instance with the fewest requests, of those that rest only where there is no other; ties are taken in turn.
    ///
    /// - Parameter tried: left out, as long as there are others.
    func choose(at now: NIODeadline, except tried: [UpstreamAddress] = []) -> UpstreamAddress? {
        let addresses = addresses
        guard addresses.count > 1 else { return addresses.first }
        let start = turn.wrappingAdd(1, ordering: .relaxed).newValue
        var best: (address: UpstreamAddress, rank: Int)?
        for offset in addresses.indices {
            let address = addresses[((start &+ offset) & Int.max) % addresses.count]
            var rank = address.outstanding.load(ordering: .relaxed)
            if address.isResting(at: now) { rank += 1 << 30 }
            if tried.contains(where: { $0 === address }) { rank += 1 << 31 }
            if best.map({ rank < $0.rank }) ?? true { best = (address, rank) }
        }
        return best?.address
    }
}
