package import ArgumentParser
import Foundation
import SoukEnv
import SoukSupervisor

extension AsyncParsableCommand {
    /// Runs the command line of a server. What stops it becomes one line on standard error and the exit status: 0 after
    /// a graceful stop, 2 for wrong usage or configuration, 1 for anything else.
    package static func runProgram(_ name: String) async {
        ProcessMemory.giveBackToSystem()
        // Whatever this process makes is nobody else's business.
        umask(0o077)
        _ = SupervisedProcess.current
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) != .success else { exit(withError: error) }
            let isUsage = exitCode(for: error) == .validationFailure
            let line = isUsage ? fullMessage(for: error) : "\(name): \(error)"
            FileHandle.standardError.write(Data("\(line)\n".utf8))
            exit(withError: ExitCode(isUsage || error is ConfigurationError ? 2 : 1))
        }
    }
}
