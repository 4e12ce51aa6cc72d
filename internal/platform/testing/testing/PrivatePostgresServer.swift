import Foundation
import SoukDatabase

/// A PostgreSQL server of one test's own, to be killed and started again; it goes when it is dropped.
///
/// Its calls block for a second or so: they run a script.
package final class PrivatePostgresServer: Sendable {
    /// The URL of its first database, for its superuser.
    package let url: String
    private let folder: String

    /// The file of the authority that has signed its certificate, for a server with TLS.
    package var authorityFile: String { folder + "/tls/ca.pem" }

    /// - Parameters:
    ///   - password: What the superuser logs in with; nil where nobody is asked.
    ///   - tls: Whether it takes encrypted connections, too; its certificate is for `localhost` and 127.0.0.1.
    package init(password: String? = nil, tls: Bool = false) throws {
        // Not the temporary directory of a user whom the server, which never runs as root, may not follow.
        let folder = "/tmp/souk-postgres-\(UUID().uuidString.lowercased().prefix(8))"
        self.folder = folder
        let command = ["start", folder] + (tls ? ["--tls"] : [])
        guard let password else {
            url = try Self.script(command)
            return
        }
        let secrets = try TemporaryFolder()
        let file = secrets.path("password")
        try Data(password.utf8).write(to: URL(fileURLWithPath: file))
        url = try Self.script(command + ["--password-file", file])
    }

    deinit {
        _ = try? Self.script(["remove", folder])
    }

    /// Ends it as a crash would.
    package func kill() throws { _ = try Self.script(["kill", folder]) }

    /// Starts it again, at the same place.
    package func start() throws { _ = try Self.script(["start", folder]) }

    private static func script(_ arguments: [String]) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appendingPathComponent("scripts/lib/postgres.sh")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw DatabaseError(.connection, detail: "scripts/lib/postgres.sh \(arguments[0]) gave up")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
