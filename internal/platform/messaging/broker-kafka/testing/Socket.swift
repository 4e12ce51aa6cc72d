import Foundation
import Glibc

/// A TCP socket on loopback that carries Kafka's frames: four bytes of length, then as many bytes.
///
/// Blocking: each direction has a thread. ``shutDown()`` ends what waits; the descriptor goes with the last reference.
final class Socket: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let largestFrame = 100 << 20
    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// - Parameter port: 0 for any that is free.
    static func listening(port: UInt16) throws -> (socket: Socket, port: UInt16) {
        let socket = Socket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var on: Int32 = 1
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withAddress(port) { Glibc.bind(socket.descriptor, $0, size) }
        guard bound == 0, Glibc.listen(socket.descriptor, 128) == 0 else {
            throw Failure(description: "port \(port): \(String(cString: strerror(errno)))")
        }
        var address = sockaddr_in()
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(socket.descriptor, $0, &size)
            }
        }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    /// Nil where nobody listens.
    static func connected(to port: UInt16) -> Socket? {
        let socket = Socket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withAddress(port, { Glibc.connect(socket.descriptor, $0, size) }) == 0 else { return nil }
        socket.disableDelay()
        return socket
    }

    private static func withAddress<R>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>) -> R) -> R {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
        }
    }

    func accept() -> Socket? {
        let descriptor = Glibc.accept(self.descriptor, nil, nil)
        guard descriptor >= 0 else { return nil }
        let socket = Socket(descriptor)
        socket.disableDelay()
        return socket
    }

    private func disableDelay() {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Nil when the peer is gone.
    func readFrame() -> [UInt8]? {
        guard let head = read(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.largestFrame else { return nil }
        return read(length)
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes {
                let rest = UnsafeMutableRawBufferPointer(rebasing: $0[filled...])
                return recv(descriptor, rest.baseAddress, rest.count, 0)
            }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }

    /// False when the peer is gone.
    func writeFrame(_ frame: [UInt8]) -> Bool {
        let bytes = withUnsafeBytes(of: UInt32(frame.count).bigEndian) { Array($0) } + frame
        var sent = 0
        while sent < bytes.count {
            let put = bytes.withUnsafeBytes {
                let rest = UnsafeRawBufferPointer(rebasing: $0[sent...])
                return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard put > 0 else { return false }
            sent += put
        }
        return true
    }

    func shutDown() {
        Glibc.shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
