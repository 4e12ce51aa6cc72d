import Foundation
import Logging
import SoukDatabaseSQLite
import SoukEnv
import SoukHTTP
import SoukLogger
import SoukService

/// What the process as a whole is told; each service reads its own variables.
struct MarketplaceConfiguration: Sendable {
    let environment: Environment
    var dataDirectory: String
    var host: String
    var port: Int
    /// How clients reach us; nil: the address that is listened on.
    var publicURL: String?
    var logLevel: Logger.Level
    var logFormat: LogFormat
    var http: HTTPOptions
    var sqlite: SQLiteOptions

    init(_ environment: Environment) throws(ConfigurationError) {
        self.environment = environment
        dataDirectory = try environment.string("SOUK_DATA_DIR", default: ".souk")
        host = try environment.string("SOUK_HOST", default: "127.0.0.1")
        port = try environment.int("SOUK_PORT", default: 8080, in: 0...65_535)
        if let url = try environment.optionalURL("SOUK_PUBLIC_URL") {
            let text = url.absoluteString
            publicURL = text.hasSuffix("/") ? String(text.dropLast()) : text
        }
        let level = try environment.string("SOUK_LOG_LEVEL", default: "info")
        guard let known = Logger.Level(rawValue: level) else {
            let all = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError("SOUK_LOG_LEVEL", "'\(level)' is none of \(all)")
        }
        logLevel = known
        logFormat = try environment.choice("SOUK_LOG_FORMAT", default: .automatic)
        http = HTTPOptions()
        http.requestTimeout = try environment.duration("SOUK_HTTP_REQUEST_TIMEOUT", default: .seconds(30))
        http.trustedProxies = try environment.addressRanges("SOUK_TRUSTED_PROXIES")
        sqlite = SQLiteOptions()
        sqlite.synchronous = try environment.choice(
            "SOUK_SQLITE_SYNCHRONOUS", default: SQLiteSynchronous.full
        ).option
    }

    func checked(port: Int) throws(ConfigurationError) -> Int {
        guard (0...65_535).contains(port) else {
            throw ConfigurationError("--port", "\(port) is not a whole number from 0 to 65535")
        }
        return port
    }
}

/// What a commit waits for: the disk, or only the operating system.
private enum SQLiteSynchronous: String, CaseIterable {
    case full, normal

    var option: SQLiteOptions.Synchronous {
        switch self {
        case .full: .full
        case .normal: .normal
        }
    }
}
