import Glibc
import NIOCore
import SoukHTTPWire

/// What one event loop of the gateway owns: its connections, its idle connections to services, its clock.
///
/// Both ends of a request live on the loop that took the client's connection, so nothing here needs a lock.
/// `@unchecked Sendable`: it is handed to tasks and futures only to come back to its loop with it.
final class EventLoopState: @unchecked Sendable {
    /// How often time-outs are looked at. A timer per request would cost more than the request's parsing.
    static let tick: TimeAmount = .milliseconds(100)

    let loop: any EventLoop
    let gateway: GatewayRuntime
    let dialer: any Dialer
    /// The policy in force for new requests.
    private(set) var policy: CompiledPolicy
    /// As of the last tick or read: good enough for deadlines.
    private(set) var now = NIODeadline.now()
    private(set) var isDraining = false
    private(set) var watched: [ObjectIdentifier: any Watched] = [:]
    private var pools: [ObjectIdentifier: ConnectionPool] = [:]
    private var ticking: RepeatedTask?
    /// For request and trace ids.
    var random = LoopRandom()

    private var gates: [ObjectIdentifier: PlaceGate] = [:]
    private var dateSecond = 0
    private var dateText = ""
    let allocator = ByteBufferAllocator()
    private let loops: Int

    /// - Parameters:
    ///   - loops: how many share what the policy allows altogether.
    ///   - dialer: opens connections to services.
    init(
        loop: any EventLoop, gateway: GatewayRuntime, policy: CompiledPolicy, loops: Int,
        dialer: any Dialer = SocketDialer()
    ) {
        self.loop = loop
        self.dialer = dialer
        self.gateway = gateway
        self.policy = policy
        self.loops = loops
    }

    /// Begins to look at time-outs.
    func start() {
        ticking = loop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { [weak self] _ in
            self?.lookAtTime()
        }
    }

    func stop() {
        ticking?.cancel()
        for pool in pools.values { pool.close() }
        pools = [:]
    }

    /// Later requests follow another policy.
    func follow(_ policy: CompiledPolicy) {
        self.policy = policy
        // Those that run keep the places that they have; the next ones get places of their route's new form.
        let routes = Set(policy.routes.map(ObjectIdentifier.init))
        gates = gates.filter { routes.contains($0.key) }
        let current = Set(policy.upstreams.values.flatMap { $0.addresses.map(ObjectIdentifier.init) })
        for (id, pool) in pools where !current.contains(id) {
            pool.close()
            pools[id] = nil
        }
    }

    /// No new requests on connections that wait; those that run may end.
    func drain() {
        isDraining = true
        for one in watched.values { one.drain() }
    }

    /// Ends what still runs.
    func cut() {
        for one in watched.values { one.cut() }
    }

    var isIdle: Bool { watched.isEmpty }

    func touch() { now = NIODeadline.now() }

    func watch(_ one: some Watched) { watched[ObjectIdentifier(one)] = one }

    func unwatch(_ one: some Watched) { watched[ObjectIdentifier(one)] = nil }

    // MARK: - What requests ask for

    /// The places of a route on this loop: its share of what the policy allows; nil where it sets no bound.
    func gate(of route: CompiledRoute) -> PlaceGate? {
        guard let concurrency = route.policy.concurrency else { return nil }
        let id = ObjectIdentifier(route)
        if let gate = gates[id] { return gate }
        let gate = PlaceGate(ConcurrencyGate(concurrency, loops: loops))
        gates[id] = gate
        return gate
    }

    /// The date for answers, `Sun, 06 Nov 1994 08:49:37 GMT`.
    func date() -> String {
        let second = time(nil)
        if second != dateSecond {
            dateSecond = second
            dateText = HTTPDate.text(second)
        }
        return dateText
    }

    /// Asks somebody outside of the loop, and goes on here with what the answer says.
    ///
    /// Unstructured: the exchange may end before, and then nothing happens.
    func pending(
        _ exchange: Exchange, _ ask: @escaping @Sendable (Exchange) async -> @Sendable () -> Void
    ) {
        Task {
            let resume = await ask(exchange)
            loop.execute {
                self.touch()
                if exchange.stage == .admission { resume() }
            }
        }
    }

    func pool(of address: UpstreamAddress) -> ConnectionPool {
        let id = ObjectIdentifier(address)
        if let pool = pools[id] { return pool }
        let pool = ConnectionPool(address: address, state: self)
        pools[id] = pool
        return pool
    }

    /// Has time-outs looked at, as every tick does.
    func lookAtTime(_ time: NIODeadline = .now()) {
        now = time
        for one in watched.values { one.lookAtTime(now) }
        for pool in pools.values { pool.lookAtTime(now) }
    }
}

/// Something that time-outs, drains and shutdowns concern. Called on its event loop.
protocol Watched: AnyObject {
    func lookAtTime(_ now: NIODeadline)
    func drain()
    func cut()
}
