import SoukDatabaseSQLite
package import SoukEnv
package import SoukService

/// What a process that needs no server is configured with; each service reads its own variables.
package struct EmbeddedConfiguration: Sendable {
    package let environment: Environment
    package var dataDirectory: String
    package var server: HostConfiguration
    /// How clients reach the process; nil: the address that it listens on.
    let publicURL: String?
    let sqlite: SQLiteOptions

    /// - Parameter port: Where `SOUK_PORT` isn't set.
    /// - Throws: `ConfigurationError` naming the variable.
    package init(_ environment: Environment, port: Int) throws(ConfigurationError) {
        self.environment = environment
        guard try environment.string("SOUK_BROKER", default: "embedded") == "embedded" else {
            throw ConfigurationError(
                "SOUK_BROKER",
                "one process has the embedded broker; others need each service as its own process")
        }
        dataDirectory = try environment.string("SOUK_DATA_DIR", default: ".souk")
        server = try HostConfiguration(environment, port: port)
        publicURL = try environment.baseURL("SOUK_PUBLIC_URL")
        var sqlite = SQLiteOptions()
        sqlite.synchronous = try environment.choice(
            "SOUK_SQLITE_SYNCHRONOUS", default: SQLiteSynchronous.full
        ).option
        self.sqlite = sqlite
    }

    /// Where crashes are described unless `SOUK_CRASH_DIR` is set.
    package var crashDirectory: String { DataDirectory.crashes(in: dataDirectory) }
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
