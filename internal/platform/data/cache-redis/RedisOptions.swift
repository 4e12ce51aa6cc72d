import Foundation
package import SoukCache
package import SoukEnv
import SoukText

/// Which Redis, as whom, and how long to wait for it.
package struct RedisOptions: Sendable {
    package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
        /// A name is resolved again with each connection.
        case tcp(host: String, port: Int)
        /// Path of a UNIX domain socket.
        case socket(String)

        package var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(byte: ":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .socket(let path): path
            }
        }
    }

    package var endpoint: Endpoint
    /// For servers with access control lists; nil: the default user.
    package var user: String?
    /// nil: no `AUTH` is sent.
    package var password: Secret<String>?
    /// Number of the database, as `SELECT` takes it.
    package var database: Int
    /// How long a command may take, from the call to its answer.
    package var commandTimeout: Duration = .seconds(1)
    /// How long connecting, `AUTH` and `SELECT` may take together.
    package var connectTimeout: Duration = .seconds(2)
    /// Commands that are under way or wait to be sent; one more is refused.
    package var pipelineLimit = 4_096
    /// The wait before the second attempt to connect; it doubles up to `maximumReconnectDelay`, and each wait is drawn
    /// between half of that and all of it.
    package var reconnectDelay: Duration = .milliseconds(50)
    package var maximumReconnectDelay: Duration = .seconds(2)

    package init(endpoint: Endpoint, user: String? = nil, password: Secret<String>? = nil, database: Int = 0)
    {
        self.endpoint = endpoint
        self.user = user
        self.password = password
        self.database = database
    }

    /// `redis://[user[:password]@]host[:port][/database]`, or `unix:///path/of/socket[?db=1]`.
    ///
    /// - Parameter password: Goes before one in the URL, which shows in process lists.
    /// - Throws: ``CacheError/invalidArgument(_:)``, which quotes nothing of the URL.
    package init(url: String, password: Secret<String>? = nil) throws(CacheError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercasedASCII() else {
            throw .invalidArgument("the Redis URL is no URL")
        }
        let user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        let password = password ?? parts.password.flatMap { $0.isEmpty ? nil : Secret($0) }
        guard user == nil || password != nil else {
            throw .invalidArgument("the Redis URL names a user, but there is no password")
        }
        switch scheme {
        case "redis":
            guard let host = parts.host, !host.isEmpty, parts.query == nil, parts.fragment == nil else {
                throw .invalidArgument("the Redis URL is not redis://[user@]host[:port][/database]")
            }
            let port = parts.port ?? 6_379
            guard (1...65_535).contains(port) else {
                throw .invalidArgument("the Redis URL has no usable port")
            }
            let bare =
                host.hasPrefix(bytes: "[") && host.hasSuffix(bytes: "]")
                ? String(host.dropFirst().dropLast()) : host
            self.init(
                endpoint: .tcp(host: bare, port: port), user: user, password: password,
                database: try Self.database(parts.path.isEmpty ? nil : String(parts.path.dropFirst())))
        case "unix":
            guard parts.host ?? "" == "", parts.path.count > 1, parts.path.utf8.count < 108 else {
                throw .invalidArgument("the Redis URL is not unix:///path[?db=1]")
            }
            let items = parts.queryItems ?? []
            guard items.allSatisfy({ $0.name == "db" }), items.count <= 1 else {
                throw .invalidArgument("the Redis URL is not unix:///path[?db=1]")
            }
            self.init(
                endpoint: .socket(parts.path), user: user, password: password,
                database: try Self.database(items.first?.value))
        case "rediss":
            throw .invalidArgument(
                "TLS to Redis is not offered: use a private network, or stunnel beside the process")
        default:
            throw .invalidArgument("the Redis URL begins with neither redis:// nor unix://")
        }
    }

    /// The wait before the next attempt to connect.
    ///
    /// - Parameter failures: In a row, at least 1.
    func delay(afterFailures failures: Int) -> Duration {
        let ceiling = min(reconnectDelay * (1 << min(failures - 1, 20)), maximumReconnectDelay)
        return ceiling * Double.random(in: 0.5...1)
    }

    private static func database(_ text: String?) throws(CacheError) -> Int {
        guard let text, !text.isEmpty else { return 0 }
        guard let number = Int(text), (0...65_535).contains(number) else {
            throw .invalidArgument("the Redis URL's database is not a number from 0 to 65535")
        }
        return number
    }
}
