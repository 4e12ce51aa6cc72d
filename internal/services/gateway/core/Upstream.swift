import Synchronization

/// The addresses of one service, used in turn; one that refused a connection is left out for a moment.
final class Upstream: Sendable {
    /// How long an address rests that couldn't be connected to.
    private static let rest: Duration = .seconds(1)

    private struct State {
        var addresses: [HostPort]
        var next = 0
        var restsUntil: [HostPort: ContinuousClock.Instant] = [:]
    }

    let name: String
    /// As configured: names and addresses.
    let targets: [HostPort]
    private let state: Mutex<State>

    init(name: String, targets: [HostPort]) {
        self.name = name
        self.targets = targets
        state = Mutex(State(addresses: targets))
    }

    /// What the targets resolve to now. An empty answer of the resolver is no reason to forget the last one.
    func update(_ addresses: [HostPort]) {
        guard !addresses.isEmpty else { return }
        state.withLock { state in
            state.addresses = addresses
            state.restsUntil = state.restsUntil.filter { addresses.contains($0.key) }
        }
    }

    /// Every address once, in the order in which to try them: the one whose turn it is first, resting ones last.
    func candidates(at now: ContinuousClock.Instant = .now) -> [HostPort] {
        state.withLock { state in
            let start = state.next % state.addresses.count
            state.next = (start + 1) % state.addresses.count
            let inTurn = state.addresses[start...] + state.addresses[..<start]
            let resting = Set(state.restsUntil.filter { $0.value > now }.keys)
            return inTurn.filter { !resting.contains($0) } + inTurn.filter(resting.contains)
        }
    }

    func refusedConnection(_ address: HostPort, at now: ContinuousClock.Instant = .now) {
        state.withLock { $0.restsUntil[address] = now + Self.rest }
    }
}
