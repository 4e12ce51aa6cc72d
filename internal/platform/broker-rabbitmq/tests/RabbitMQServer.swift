import Foundation
import SoukBroker
import SoukBrokerRabbitMQ

/// The private server that `scripts/test` starts; see `scripts/servers`.
enum RabbitMQServer {
    static let isThere = variable("SOUK_TEST_RABBITMQ_URL") != nil
    static let reason: String =
        "needs a server: SOUK_TEST_RABBITMQ_URL is not set (scripts/test starts one)"

    static var canRestart: Bool { variable("SOUK_TEST_RABBITMQ_RESTART") != nil }

    static func options() throws -> RabbitMQOptions {
        try RabbitMQOptions(url: variable("SOUK_TEST_RABBITMQ_URL") ?? "amqp://guest@127.0.0.1/")
    }

    static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Kills the server, and starts it again on the same ports with the same data.
    @Sendable static func restart() async throws {
        guard let command = variable("SOUK_TEST_RABBITMQ_RESTART") else {
            throw RestartFailed(detail: "SOUK_TEST_RABBITMQ_RESTART is not set")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", command]
        process.standardOutput = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { process in
                guard process.terminationStatus != 0 else { return continuation.resume() }
                continuation.resume(
                    throwing: RestartFailed(detail: "exit code \(process.terminationStatus)"))
            }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    struct RestartFailed: Error {
        let detail: String
    }
}
