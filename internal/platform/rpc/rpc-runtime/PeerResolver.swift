import Glibc
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOPosix
import Synchronization
import SoukText

/// Finds a peer's addresses, again and again, for a client that balances over them.
///
/// gRPC's own DNS resolver puts all addresses of a name into one endpoint, of which only one is used, and asks
/// again only after a connection broke that had been established: a peer that comes back elsewhere would not be
/// found. So this one asks every few seconds, and at once when a call found no connection.
final class PeerResolver: Sendable {
    /// Between two looks.
    static let interval = Duration.seconds(5)
    /// Between two looks when calls find no connection.
    static let minInterval = Duration.milliseconds(20)

    private struct State {
        var known: [String: [SocketAddress]] = [:]
        /// Addresses whose connection has ended, as `host:port`: left out once.
        var dropped: Set<String> = []
        var hasFailed = false
        var waker: CheckedContinuation<Void, Never>?
        var isWanted = false
    }

    /// Look-ups of names that nobody answers take long; others must not wait for the same threads.
    private static let threads: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        return threads
    }()

    let addresses: PeerAddresses
    private let lookUp: @Sendable (String, Int) -> [SocketAddress]?
    private let state = Mutex(State())

    init(
        _ addresses: PeerAddresses,
        lookUp: @escaping @Sendable (String, Int) -> [SocketAddress]? = PeerResolver.systemLookUp
    ) {
        self.addresses = addresses
        self.lookUp = lookUp
    }

    /// Whether the last look found nothing at all.
    var hasNoAddress: Bool { state.withLock { $0.hasFailed && $0.known.isEmpty } }

    /// Looks again soon.
    func wake() {
        let waker = state.withLock { state in
            state.isWanted = true
            defer { state.waker = nil }
            return state.waker
        }
        waker?.resume()
    }

    /// What is known after one look. A name that can't be resolved now keeps the addresses it had.
    func resolve() async -> [Endpoint] {
        var endpoints: [Endpoint] = []
        var found: Set<SocketAddress> = []
        let dropped = state.withLock { state in
            defer { state.dropped.removeAll() }
            return state.dropped
        }
        for address in addresses.addresses {
            // Numbers need no look-up, and must not wait behind names that nobody answers.
            let answer: [SocketAddress]? =
                if let number = Self.number(address) { [number] } else { await answer(address) }
            let key = "\(address.host):\(address.port)"
            let current: [SocketAddress] = state.withLock { state in
                if let answer, !answer.isEmpty { state.known[key] = answer }
                return state.known[key] ?? []
            }
            for address in current where found.insert(address).inserted {
                endpoints.append(Endpoint(addresses: [address]))
            }
        }
        state.withLock { $0.hasFailed = endpoints.isEmpty }
        guard !dropped.isEmpty else { return endpoints }
        // All at the next look, which is soon.
        wake()
        let rest = endpoints.filter { !$0.addresses.contains { dropped.contains($0.hostAndPort) } }
        return rest.isEmpty ? endpoints : rest
    }

    /// The look-up blocks: not on the threads that run tasks.
    private func answer(_ address: PeerAddresses.Address) async -> [SocketAddress]? {
        let lookUp = lookUp
        let answer = try? await Self.threads.runIfActive { lookUp(address.host, address.port) }
        return answer ?? nil
    }

    /// The address that is given as a number; `nil` for names.
    private static func number(_ address: PeerAddresses.Address) -> SocketAddress? {
        var bytes: (UInt64, UInt64) = (0, 0)  // room for an address of IPv6
        if inet_pton(AF_INET, address.host, &bytes) == 1 {
            return .ipv4(host: address.host, port: address.port)
        }
        if inet_pton(AF_INET6, address.host, &bytes) == 1 {
            return .ipv6(host: address.host, port: address.port)
        }
        return nil
    }

    /// The connection to an address has ended.
    ///
    /// Of several connections gRPC does not open one again that was closed in good order, while others are there.
    /// So the address is left out of the next result, and is a new one in the result after that.
    func dropped(_ address: String) {
        state.withLock { _ = $0.dropped.insert(address) }
        wake()
    }

    /// Waits until it is time to look again.
    ///
    /// Throws: `CancellationError`.
    func pause() async throws {
        // However often it is woken, names are looked up no more often than this.
        try await Task.sleep(for: Self.minInterval)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.woken() }
            group.addTask { try await Task.sleep(for: Self.interval) }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    private func woken() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWanted = state.withLock { state in
                    guard !state.isWanted, !Task.isCancelled else {
                        state.isWanted = false
                        return true
                    }
                    state.waker = continuation
                    return false
                }
                if isWanted { continuation.resume() }
            }
            state.withLock { $0.isWanted = false }
        } onCancel: {
            let waker = state.withLock { state in
                defer { state.waker = nil }
                return state.waker
            }
            waker?.resume()
        }
    }

    /// For TLS: the name that the peers' certificates carry; `nil` when addresses are given as numbers.
    var authority: String? {
        guard let first = addresses.addresses.first, !first.host.contains(byte: ":"),
            !first.host.utf8.allSatisfy({ $0.isASCIIDigit || $0 == UInt8(ascii: ".") })
        else { return nil }
        return "\(first.host):\(first.port)"
    }

    /// The addresses of a name by `getaddrinfo`; blocks.
    static let systemLookUp: @Sendable (String, Int) -> [SocketAddress]? = { host, port in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard status == 0 else { continue }
            let number = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            switch entry.ai_family {
            case AF_INET: addresses.append(.ipv4(host: number, port: port))
            case AF_INET6: addresses.append(.ipv6(host: number, port: port))
            default: break
            }
        }
        return addresses
    }
}

/// Hands a `PeerResolver` to gRPC.
struct PeerResolverFactory: NameResolverFactory {
    struct Target: ResolvableTarget {
        let resolver: PeerResolver
    }

    func resolver(for target: Target) -> NameResolver {
        NameResolver(
            names: RPCAsyncSequence(wrapping: Results(resolver: target.resolver)), updateMode: .push,
            authority: target.resolver.authority)
    }

    /// Never ends and never fails, but for cancellation: gRPC would wait up to two minutes after a failure.
    struct Results: AsyncSequence, Sendable {
        typealias Element = NameResolutionResult

        let resolver: PeerResolver

        func makeAsyncIterator() -> Iterator { Iterator(resolver: resolver) }

        struct Iterator: AsyncIteratorProtocol {
            let resolver: PeerResolver
            var isFirst = true

            mutating func next() async throws -> NameResolutionResult? {
                while true {
                    if !isFirst { try await resolver.pause() }
                    isFirst = false
                    let endpoints = await resolver.resolve()
                    try Task.checkCancellation()
                    if !endpoints.isEmpty {
                        return NameResolutionResult(endpoints: endpoints, serviceConfig: nil)
                    }
                }
            }
        }
    }
}

extension SocketAddress {
    /// As the resolver names addresses of connections.
    var hostAndPort: String {
        if let address = ipv4 { return "\(address.host):\(address.port)" }
        if let address = ipv6 { return "\(address.host):\(address.port)" }
        return description
    }
}
