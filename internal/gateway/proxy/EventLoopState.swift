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

    private var gates: [ObjectIdentifier: SlotGate] = [:]
    private var dateSecond = 0
    private var dateText = ""
    /// Refusals that a shared limit is counting.
    private(set) var countsUnderWay = 0
    static let maxCountsUnderWay = 64
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
        // Those that run keep the slots that they have; the next ones get slots of their route's new form.
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

    /// The slots of a route on this loop: its part of what the policy allows; nil where it sets no bound.
    func gate(of route: CompiledRoute) -> SlotGate? {
        guard let concurrency = route.policy.concurrency else { return nil }
        let id = ObjectIdentifier(route)
        if let gate = gates[id] { return gate }
        let gate = SlotGate(
            ConcurrencyGate(concurrency, budgets: policy.policy.budgets, loops: loops))
        gates[id] = gate
        return gate
    }

    /// What was refused before it was a request. It counts as one all the same, of the route for whatever has no other.
    func noteRefusal(_ refusal: Refusal, _ peer: ClientPeer, _ identity: RequestIdentity) {
        gateway.noteRefusal(refusal, client: peer.address, identity: identity)
        let limits = policy.fallback.clientLimits
        guard !peer.isTrusted, !peer.isExempt, !limits.isEmpty else { return }
        guard limits.isShared else {
            var report = RateReport()
            _ = limits.admit(client: peer.rateKey, principal: nil, at: now, &report)
            return
        }
        // While the cache is slow further ones are not counted.
        guard countsUnderWay < Self.maxCountsUnderWay else { return }
        countsUnderWay += 1
        let key = peer.rateKey
        // Unstructured: nobody waits for what it says.
        Task {
            var report = RateReport()
            _ = await limits.admitShared(client: key, principal: nil, &report)
            loop.execute { self.countsUnderWay -= 1 }
        }
    }

    /// A client may say for each DATA frame that we send that it has taken it, for the stream and for the connection.
    func allowWindowUpdates(_ peer: ClientPeer, for bytes: Int) {
        peer.connectionBudget?.earn(frames: 2 * (1 + bytes >> 14), rate: policy.policy.budgets.frameRate)
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
