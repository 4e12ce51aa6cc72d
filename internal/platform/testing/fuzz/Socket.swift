import Glibc

/// TCP on loopback, by the system's calls.
enum Socket {
    /// IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect(2), which knows that the other end differs.
    private static let bindAddressNoPort: Int32 = 24

    static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    /// A connection that is being made; nil where the system refuses it at once.
    static func connecting(from source: UInt32, to port: UInt16) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        set(descriptor, Int32(IPPROTO_IP), bindAddressNoPort, Int32(1))
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        guard named(address(source, 0), { bind(descriptor, $0, $1) }) == 0,
            named(address(0x7F_00_00_01, port), { connect(descriptor, $0, $1) }) == 0 || errno == EINPROGRESS
        else {
            let reason = errno
            close(descriptor)
            errno = reason
            return nil
        }
        return descriptor
    }

    /// A connection whose calls wait for so long at most.
    static func connected(to port: UInt16, seconds: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let time = timeval(tv_sec: seconds, tv_usec: 0)
        set(descriptor, SOL_SOCKET, SO_SNDTIMEO, time)
        set(descriptor, SOL_SOCKET, SO_RCVTIMEO, time)
        guard named(address(0x7F_00_00_01, port), { connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    static func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
                return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    static func receive(_ descriptor: Int32, atLeast wanted: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < wanted {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Closes with RST where `reset` is true, with FIN otherwise.
    static func end(_ descriptor: Int32, reset: Bool) {
        if reset { set(descriptor, SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0)) }
        close(descriptor)
    }

    private static func set<Value>(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Value) {
        withUnsafePointer(to: value) {
            _ = setsockopt(descriptor, level, option, $0, socklen_t(MemoryLayout<Value>.size))
        }
    }

    private static func named(
        _ address: sockaddr_in, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
