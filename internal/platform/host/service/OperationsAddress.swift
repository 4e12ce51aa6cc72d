package import SoukEnv

/// Where a process answers `/livez`, `/readyz` and `/metrics`.
package enum OperationsAddress: Sendable, Hashable {
    case off
    /// Where the routes are served: `SOUK_OPS_PORT=public`.
    case serving
    /// Port 0 takes a free one; nil follows the port of the routes.
    case own(host: String, port: Int?)

    /// `SOUK_OPS_PORT`: a port, `off` or `public`; `SOUK_OPS_HOST`: this machine alone unless it is set.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    package init(_ environment: Environment) throws(ConfigurationError) {
        let name = "SOUK_OPS_PORT"
        let host = try environment.string("SOUK_OPS_HOST", default: "127.0.0.1")
        switch try environment.optionalString(name) {
        case nil: self = .own(host: host, port: nil)
        case "off": self = .off
        case "public": self = .serving
        case let text?:
            guard let port = Int(text), (0...65_535).contains(port) else {
                throw ConfigurationError(
                    name, "'\(text)' is neither a port from 0 to 65535 nor 'off' nor 'public'")
            }
            self = .own(host: host, port: port)
        }
    }

    /// Where operations are unless somebody says otherwise: a hundred above the port of the routes, a free port for a free one.
    static func port(following port: Int) -> Int {
        port == 0 ? 0 : port + 100 <= 65_535 ? port + 100 : port - 100
    }
}
