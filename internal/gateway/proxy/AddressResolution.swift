import Glibc
import Logging
import NIOPosix

/// Looks the names of services up, so that instances may come, go and move.
enum AddressResolution {
    /// The system's resolver blocks, so it has a thread that does nothing else.
    private static let threads: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        return threads
    }()

    /// A name that can't be looked up keeps the addresses that it had.
    static func resolve(
        _ upstream: Upstream, logger: Logger, lookUp: @escaping @Sendable (HostPort) -> [HostPort] = lookUp
    ) async {
        for target in upstream.policy.targets {
            guard let found = try? await threads.runIfActive({ lookUp(target) }) else { return }
            if found.isEmpty {
                logger.warning(
                    "a name can't be looked up",
                    metadata: ["upstream": "\(upstream.name)", "name": "\(target)"])
            } else {
                upstream.update(found, of: target)
            }
        }
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
