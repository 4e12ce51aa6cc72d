import Foundation
import SoukText

/// The address of a Souk: scheme, host and port, without a slash at the end.
struct Server: Hashable, Sendable, CustomStringConvertible {
    static let local = Server(description: "http://127.0.0.1:8080", isEncrypted: false, isLocal: true)

    let description: String
    let isEncrypted: Bool
    /// Whether the traffic stays on this machine.
    let isLocal: Bool

    private init(description: String, isEncrypted: Bool, isLocal: Bool) {
        self.description = description
        self.isEncrypted = isEncrypted
        self.isLocal = isLocal
    }

    /// - Throws: ``Failure`` with status 2 when the text is no http or https URL of a server.
    init(_ text: String) throws(Failure) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercasedASCII(),
            scheme == "http" || scheme == "https", let host = parts.host, !host.isEmpty, parts.query == nil,
            parts.fragment == nil, parts.user == nil, parts.path.isEmpty || parts.path.equals(bytes: "/")
        else {
            throw Failure(
                "'\(text)' is not the URL of a server, such as https://souk.example", status: Failure.usage)
        }
        let port = parts.port.map { ":\($0)" } ?? ""
        description = "\(scheme)://\(host.lowercasedASCII())\(port)"
        isEncrypted = scheme == "https"
        isLocal = ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host.lowercasedASCII())
    }
}
