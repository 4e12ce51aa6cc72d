import ArgumentParser
import Foundation
import SoukText

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The server; SOUK_URL otherwise, the one you are signed in at, or http://127.0.0.1:8080.")
    var url: String?

    @Flag(help: "Print the server's answer as it is.")
    var json = false

    @Option(help: ArgumentHelp("How long to wait for an answer.", valueName: "seconds"))
    var timeout = 30.0

    func validate() throws {
        guard timeout > 0, timeout <= 3_600 else {
            throw ValidationError("--timeout must be more than 0 and at most 3600 seconds.")
        }
    }

    /// - Throws: ``Failure`` when the server's URL is none, or the credentials can't be read.
    func session() throws(Failure) -> Session {
        let store = CredentialStore()
        return Session(
            store: store, transport: Transport(server: try server(store), timeout: .seconds(timeout)))
    }

    private func server(_ store: CredentialStore) throws(Failure) -> Server {
        if let url { return try Server(url) }
        if let url = ProcessInfo.processInfo.environment["SOUK_URL"], !url.isEmpty { return try Server(url) }
        if let url = try store.read()?.url { return try Server(url) }
        return .local
    }

    /// Prints the answer as it is if that is asked for, and as the text otherwise.
    func show(_ answer: Answer, _ text: () throws -> String) throws {
        print(json ? String(decoding: answer.body, as: UTF8.self) : try text())
    }
}

/// Which page of a list.
struct PageOptions: ParsableArguments {
    @Option(help: "Number of the page, from 1.")
    var page = 1

    @Option(help: "Items on a page, 1 to 100.")
    var size = 20

    func validate() throws {
        guard page >= 1 else { throw ValidationError("--page must be 1 or more.") }
        guard (1...100).contains(size) else { throw ValidationError("--size must be from 1 to 100.") }
    }

    var query: [(String, String?)] { [("page", "\(page)"), ("size", "\(size)")] }
}

/// Path and query of a request.
enum Target {
    /// - Parameter query: Pairs without a value are left out.
    static func path(_ segments: [String], query: [(String, String?)] = []) -> String {
        let path = segments.map { "/" + encoded($0) }.joined()
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(encoded($0))" } }
        return pairs.isEmpty ? path : "\(path)?\(pairs.joined(separator: "&"))"
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// RFC 3986, section 2.3.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}

extension Meta {
    /// The last line below a list: where it stands, if there is more than is shown.
    func footer(shown: Int) -> String {
        guard let page, let totalPages, let totalCount, totalCount > shown else { return "" }
        return "\npage \(page) of \(totalPages), \(totalCount) in all"
    }
}

/// An id as the command line takes it.
struct Identifier: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        guard UUID(uuidString: argument) != nil else { return nil }
        text = argument.lowercasedASCII()
    }
}

/// The name of a service as the command line takes it.
struct ServiceName: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        guard HostText.isLabel(argument), argument.utf8.first?.isASCIILetter == true else { return nil }
        text = argument
    }
}
