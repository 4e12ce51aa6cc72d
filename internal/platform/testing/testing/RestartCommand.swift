import Foundation

/// How tests kill a server and start it again: a command for bash, from an environment variable.
package enum RestartCommand {
    /// Runs the command and returns when it ended, or throws; nil where the variable is unset or empty.
    package static func action(variable: String) -> (@Sendable () async throws -> Void)? {
        guard let command = ProcessInfo.processInfo.environment[variable], !command.isEmpty else {
            return nil
        }
        return { try await run(command) }
    }

    private static func run(_ command: String) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", command]
        process.standardOutput = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { process in
                guard process.terminationStatus != 0 else { return continuation.resume() }
                continuation.resume(throwing: Failed(status: process.terminationStatus))
            }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    /// The command ended with another exit status than 0.
    private struct Failed: Error {
        let status: Int32
    }
}
