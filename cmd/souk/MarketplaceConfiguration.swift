import SoukDatabaseSQLite
import SoukEnv
import SoukService

/// What the process as a whole is told; each service reads its own variables.
struct MarketplaceConfiguration: Sendable {
    let environment: Environment
    var dataDirectory: String
    var server: HostConfiguration
    /// How clients reach us; nil: the address that is listened on.
    var publicURL: String?
    var sqlite: SQLiteOptions

    init(_ environment: Environment) throws(ConfigurationError) {
        self.environment = environment
        guard try environment.string("SOUK_BROKER", default: "embedded") == "embedded" else {
            throw ConfigurationError(
                "SOUK_BROKER",
                "one process has the embedded broker; others need each service as its own process")
        }
        dataDirectory = try environment.string("SOUK_DATA_DIR", default: ".souk")
        server = try HostConfiguration(environment, port: 8080)
        publicURL = try environment.baseURL("SOUK_PUBLIC_URL")
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
