import Foundation
import Synchronization

/// A Redis server for one test: on loopback, in memory only, and gone with this process whatever becomes of it.
package final class PrivateRedis: Sendable {
    private struct Running {
        let process: Process
        /// The server lives for as long as this is open.
        let leash: Pipe
    }

    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// Whether `redis-server` is installed (Debian: redis-server).
    package static let isInstalled = FileManager.default.isExecutableFile(atPath: path)
    private static let path = "/usr/bin/redis-server"

    package let port: Int
    private let arguments: [String]
    private let running = Mutex<Running?>(nil)

    /// Starts a server on a free port; it may take a moment to answer.
    ///
    /// - Parameter arguments: More of the command line: `--requirepass`, `secret`.
    package init(_ arguments: String...) throws {
        self.arguments = arguments
        port = try Self.freePort()
        try start()
    }

    deinit {
        kill()
    }

    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts the server again, empty, on the same port.
    package func start() throws {
        let process = Process()
        let leash = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            [
                "-c",
                "\"$@\" </dev/null >/dev/null 2>&1 & pid=$!; cat >/dev/null; kill -CONT $pid; kill -9 $pid; wait $pid",
                "sh",
                Self.path, "--bind", "127.0.0.1", "--port", "\(port)", "--save", "", "--appendonly", "no",
            ] + arguments
        process.standardInput = leash
        try process.run()
        // Ours alone would keep the server alive in a child that inherits it.
        try? leash.fileHandleForReading.close()
        running.withLock { $0 = Running(process: process, leash: leash) }
    }

    /// Ends the server at once, as a crash does; returns when it is gone.
    package func kill() {
        let ended = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let ended else { return }
        try? ended.leash.fileHandleForWriting.close()
        ended.process.waitUntilExit()
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Missing(description: "no socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else { throw Missing(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
