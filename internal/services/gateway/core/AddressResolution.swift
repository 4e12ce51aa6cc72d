import Glibc
import Logging
import NIOPosix
import ServiceLifecycle
import SoukTime

/// Looks the names of upstreams up again and again, so that instances may come, go and move.
struct AddressResolution: Service, CustomStringConvertible {
    private static let interval: Duration = .seconds(5)

    let upstreams: [Upstream]
    let clock: any WallClock
    let logger: Logger

    var description: String { "address resolution" }

    func run() async throws {
        // The system's resolver blocks, so it gets a thread of its own.
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    for upstream in upstreams { await resolve(upstream, on: threads) }
                    try await clock.sleep(for: Self.interval)
                }
            }
        } catch is CancellationError {
            // The shutdown.
        }
        try await threads.shutdownGracefully()
    }

    private func resolve(_ upstream: Upstream, on threads: NIOThreadPool) async {
        var addresses: [HostPort] = []
        for target in upstream.targets {
            do {
                addresses += try await threads.runIfActive { Self.lookUp(target) }
            } catch {
                return
            }
        }
        if addresses.isEmpty {
            logger.warning("\(upstream.name): none of \(upstream.targets) can be resolved")
        }
        upstream.update(addresses)
    }

    /// getaddrinfo(3); empty where the name is unknown or nobody answers.
    static func lookUp(_ target: HostPort) -> [HostPort] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(target.host, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: [HostPort] = []
        var next = first
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let failed = getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
                NI_NUMERICHOST)
            let numeric = String(
                decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let address = HostPort(host: numeric, port: target.port)
            if failed == 0, !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }
}
