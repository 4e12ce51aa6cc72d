import Foundation
import SoukBroker
import SoukBrokerKafka

/// A `mock-kafka` process of the tests', which ends with them: its standard input closes.
final class MockCluster: Sendable {
    /// One for all tests that leave it alone, because each partition costs it megabytes.
    static let shared = Result { try MockCluster() }

    let brokers: String
    private let process: Process
    private let input: FileHandle
    private let output: FileHandle

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
        self.input = input.fileHandleForWriting
        self.output = output.fileHandleForReading
        brokers = try Self.line(from: self.output)
    }

    deinit {
        process.terminate()
    }

    func options(_ change: (inout KafkaOptions) -> Void = { _ in }) throws -> KafkaOptions {
        var options = try KafkaOptions(brokers: brokers)
        // The mock has a group wait for nearly as long when a member joins.
        options.sessionTimeout = .seconds(3)
        change(&options)
        return options
    }

    /// Has the process obey a command; see `mock-kafka --help`.
    func tell(_ command: String) throws {
        try input.write(contentsOf: Data((command + "\n").utf8))
        guard try Self.line(from: output) == "ok" else {
            throw Failure(description: "mock-kafka: \(command)?")
        }
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
