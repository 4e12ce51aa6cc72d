import ArgumentParser
import Foundation

/// A command-line client of Souk's public API, for operators.
@main
struct Soukctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soukctl",
        abstract: "Looks after a running Souk through its public API.",
        discussion: """
            Sign in once with `soukctl login`; the tokens are kept in $XDG_CONFIG_HOME/souk/credentials.json, or \
            ~/.config/souk, readable by you alone. The server is --url, SOUK_URL, the one you are signed in at, or \
            http://127.0.0.1:8080.

            Exit status: 0 done; 1 it can't be done, or something is wrong; 2 wrong usage or input.
            """,
        subcommands: [
            Login.self, Logout.self, WhoAmI.self, Ping.self, Events.self, Ledger.self, Orders.self,
            Reconcile.self,
        ])

    /// Runs the command line. What stops it becomes one line on standard error and the exit status.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            FileHandle.standardError.write(Data("soukctl: \(failure)\n".utf8))
            exit(withError: ExitCode(failure.status))
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
            exit(withError: ExitCode(Failure.usage))
        }
    }
}
