import SoukService
import SoukText
import Synchronization

/// Where the process is reached; the port is known once it listens.
final class ProcessAddress: Sendable {
    private let port: Mutex<Int>
    private let configured: String?
    private let host: String
    private let operations: OperationsAddress

    init(_ configuration: EmbeddedConfiguration) {
        operations = configuration.server.operations
        port = Mutex(configuration.server.port)
        configured = configuration.publicURL
        host = configuration.server.host
    }

    func listens(on port: Int) { self.port.withLock { $0 = port } }

    /// How clients reach it.
    var publicURL: String { configured ?? localURL }

    /// How other programs on this machine reach it.
    var localURL: String { Self.url(host, port.withLock { $0 }) }

    /// Where `/livez`, `/readyz` and `/metrics` are.
    func operationsURL(port: Int) -> String {
        guard case .own(let host, _) = operations else { return localURL }
        return Self.url(host, port)
    }

    /// The address under which this machine reaches what listens on `host`.
    private static func url(_ host: String, _ port: Int) -> String {
        let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        return "http://\(reachable.contains(byte: ":") ? "[\(reachable)]" : reachable):\(port)"
    }
}
