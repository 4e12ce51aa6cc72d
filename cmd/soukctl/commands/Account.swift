import ArgumentParser
import Foundation
import SoukText

struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Signs in and keeps the tokens.",
        discussion: "The password is asked for at the terminal, or read from a file; it is never an argument."
    )

    @OptionGroup var options: GlobalOptions
    @Option(help: "Who signs in; asked for otherwise.")
    var email: String?
    @Option(help: ArgumentHelp("A file that holds the password; - is standard input.", valueName: "file"))
    var passwordFile: String?

    func run() async throws {
        let session = try options.session()
        guard let email = email ?? Terminal.ask("E-mail: "), !email.isEmpty else {
            throw Failure("there is no terminal to ask at; give --email", status: Failure.usage)
        }
        if !session.server.isEncrypted, !session.server.isLocal {
            let warning = "\(session.server) is not encrypted; the password can be read on its way"
            FileHandle.standardError.write(Data("soukctl: warning: \(warning)\n".utf8))
        }
        let body = try JSONEncoder().encode(["email": email, "password": try password()])
        let answer = try await session.anonymously(.post, "/api/v1/auth/login", json: body)
        let grant = try answer.data(as: Grant.self)
        try await session.store.locked(timeout: .seconds(options.timeout)) {
            try session.store.write(grant.credentials(for: session.server))
        }
        // Not the answer as it is: it holds the tokens.
        let shown = ["data": ["email": grant.user.email, "url": session.server.description]]
        try options.show(Answer(body: try JSONEncoder().encode(shown))) {
            "signed in at \(session.server) as \(grant.user.email.printable)"
        }
    }

    private func password() throws(Failure) -> String {
        guard let passwordFile else {
            guard let typed = Terminal.ask("Password: ", echo: false), !typed.isEmpty else {
                throw Failure(
                    "no password was given; give --password-file where there is no terminal",
                    status: Failure.usage)
            }
            return typed
        }
        do {
            let handle =
                passwordFile.equals(bytes: "-")
                ? FileHandle.standardInput
                : try FileHandle(forReadingFrom: URL(fileURLWithPath: passwordFile))
            let text = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
            let password = String(text.trimmingLineEnd())
            guard !password.isEmpty else { throw Failure("\(passwordFile) is empty", status: Failure.usage) }
            return password
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure("\(passwordFile) can't be read", status: Failure.usage)
        }
    }
}

struct Logout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ends the session, here and at the server.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let session = try options.session()
        guard try session.store.read() != nil else { return print("not signed in") }
        try await session.store.locked(timeout: .seconds(options.timeout)) {
            let credentials = try session.signedIn()
            try session.store.remove()
            let body = try JSONEncoder().encode(["refresh_token": credentials.refreshToken])
            do {
                _ = try await session.anonymously(.post, "/api/v1/auth/logout", json: body)
            } catch let failure as Failure {
                throw Failure("signed out here, but the server was not told: \(failure)")
            }
        }
        print("signed out")
    }
}

struct WhoAmI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whoami", abstract: "Shows who is signed in, and where.")

    @OptionGroup var options: GlobalOptions

    private struct User: Decodable {
        let id: String
        let email: String
        let name: String
        let roles: [String]
    }

    func run() async throws {
        let session = try options.session()
        let answer = try await session.send(.get, "/api/v1/users/me")
        try options.show(answer) {
            let user: User = try answer.data()
            return Table.list([
                ("server", session.server.description), ("email", user.email), ("name", user.name),
                ("id", user.id),
                ("roles", user.roles.joined(separator: ", ")),
            ])
        }
    }
}
