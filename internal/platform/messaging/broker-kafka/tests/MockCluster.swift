import Foundation
import SoukBroker
import SoukBrokerKafka
import SoukText
import Synchronization

/// A `mock-kafka` process of the tests', which ends with them: its standard input closes.
final class MockCluster: Sendable {
    /// One for all tests that leave it alone, because each partition costs it megabytes.
    static let shared = Result { try MockCluster() }

    let brokers: String
    private let process: Process
    private let channel: Mutex<Channel>

    private struct Channel {
        let input: FileHandle
        let output: FileHandle
    }

    /// Whether there is an executable to start; tests against another cluster may go without.
    static var isBuilt: Bool { (try? executable()) != nil }

    /// Starts the process, which lies beside the running tests, or where `SOUK_TEST_KAFKA` says.
    ///
    /// - Throws: When it does not start.
    init(_ arguments: String...) throws {
        process = Process()
        process.executableURL = try Self.executable()
        process.arguments = ["--control"] + arguments
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let channel = Channel(input: input.fileHandleForWriting, output: output.fileHandleForReading)
        brokers = try Self.line(from: channel.output)
        self.channel = Mutex(channel)
    }

    deinit {
        process.terminate()
        hang(false)
    }

    func options(_ change: (inout KafkaOptions) -> Void = { _ in }) throws -> KafkaOptions {
        try KafkaUnderTest.options(brokers, change)
    }

    /// Has the process obey a command; see `mock-kafka --help`.
    func tell(_ command: String) throws {
        try channel.withLock { channel in
            try channel.input.write(contentsOf: Data((command + "\n").utf8))
            guard try Self.line(from: channel.output) == "ok" else {
                throw Failure(description: "mock-kafka: \(command)?")
            }
        }
    }

    /// Ends the process, with everything it knows, and gives a new one at the same address.
    func replaced() throws -> MockCluster {
        process.terminate()
        process.waitUntilExit()
        guard let port = brokers.split(byte: ":").last else { throw Failure(description: brokers) }
        return try MockCluster("--port", String(port))
    }

    /// Takes every broker away for a moment, with what they stored kept.
    func restart() async throws {
        try tell("down")
        // A broker needs a while to come back.
        try await Task.sleep(for: .milliseconds(500))
        try tell("up")
    }

    /// Stops the process where it is, connections open: a cluster that takes requests and sends no response.
    func hang(_ isHanging: Bool) {
        kill(process.processIdentifier, isHanging ? SIGSTOP : SIGCONT)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static func executable() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["SOUK_TEST_KAFKA"] {
            return URL(fileURLWithPath: path)
        }
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let folders =
            [URL(fileURLWithPath: tests), URL(fileURLWithPath: CommandLine.arguments[0])]
            + CommandLine.arguments.map { URL(fileURLWithPath: $0) }
        for folder in folders {
            let candidate = folder.deletingLastPathComponent().appendingPathComponent("mock-kafka")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
        }
        throw Failure(description: "no mock-kafka beside the tests: swift build --product mock-kafka")
    }

    private static func line(from output: FileHandle) throws -> String {
        var bytes: [UInt8] = []
        while let byte = try output.read(upToCount: 1)?.first {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        throw Failure(description: "mock-kafka ended")
    }
}
