import Glibc

/// A TCP socket that listens. Whoever serves on it takes the descriptor over.
package struct ListeningSocket: Sendable, Hashable {
    /// Connections that wait to be accepted; the kernel may hold the number lower (`net.core.somaxconn`).
    package static let backlog: Int32 = 1_024

    package let descriptor: Int32
    /// The port that it listens on.
    package let port: Int

    /// A socket that was inherited.
    ///
    /// - Throws: `ListenError` when the descriptor is no socket that listens on a port.
    init(inherited descriptor: Int32) throws(ListenError) {
        self.descriptor = descriptor
        port = try Self.port(of: descriptor)
    }

    private init(descriptor: Int32, port: Int) {
        self.descriptor = descriptor
        self.port = port
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// - Throws: `ListenError`.
    package static func bind(host: String, port: Int) throws(ListenError) -> ListeningSocket {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found?.pointee else {
            throw ListenError(errorNumber: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(
            address.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), address.ai_protocol)
        guard descriptor >= 0 else { throw ListenError(errorNumber: errno) }
        var on: Int32 = 1
        guard
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size)) == 0,
            Glibc.bind(descriptor, address.ai_addr, address.ai_addrlen) == 0,
            listen(descriptor, backlog) == 0
        else {
            let error = ListenError(errorNumber: errno)
            Glibc.close(descriptor)
            throw error
        }
        return ListeningSocket(descriptor: descriptor, port: try Self.port(of: descriptor))
    }

    /// Sets the backlog again: a server that takes the socket over may have set its own.
    package func restoreBacklog() {
        listen(descriptor, Self.backlog)
    }

    func close() {
        Glibc.close(descriptor)
    }

    private static func port(of descriptor: Int32) throws(ListenError) -> Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0 else { throw ListenError(errorNumber: errno) }
        return withUnsafePointer(to: &address) { pointer in
            // The port is at the same offset in both families.
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }
}

/// An address can't be listened on.
package struct ListenError: Error, Hashable {
    /// `errno`.
    package let errorNumber: Int32
}
