package import Logging
package import SoukEnv
package import SoukHTTP
package import SoukLogger

/// What every process is told: where it listens, how it logs, and what its HTTP server puts up with.
package struct HostConfiguration: Sendable {
    /// `SOUK_HOST`
    package var host: String
    /// `SOUK_PORT`; 0 for a free one.
    package var port: Int
    /// `SOUK_OPS_HOST`, `SOUK_OPS_PORT`
    package let operations: OperationsAddress
    /// `SOUK_SUPERVISOR`
    package var isSupervised: Bool
    /// `SOUK_CRASH_DIR`
    package let crashDirectory: String?
    /// `SOUK_LOG_LEVEL`
    package let logLevel: Logger.Level
    /// `SOUK_LOG_FORMAT`
    package let logFormat: LogFormat
    /// `SOUK_HTTP_REQUEST_TIMEOUT`, `SOUK_TRUSTED_PROXIES`
    package let http: HTTPOptions

    /// - Parameter port: where `SOUK_PORT` isn't set.
    /// - Throws: `ConfigurationError` naming the variable.
    package init(_ environment: Environment, port: Int) throws(ConfigurationError) {
        host = try environment.string("SOUK_HOST", default: "127.0.0.1")
        self.port = try environment.int("SOUK_PORT", default: port, in: 0...65_535)
        operations = try OperationsAddress(environment)
        isSupervised = try environment.bool("SOUK_SUPERVISOR", default: true)
        crashDirectory = try environment.optionalString("SOUK_CRASH_DIR")
        let level = try environment.string("SOUK_LOG_LEVEL", default: "info")
        guard let known = Logger.Level(rawValue: level) else {
            let all = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError("SOUK_LOG_LEVEL", "'\(level)' is none of \(all)")
        }
        logLevel = known
        logFormat = try environment.choice("SOUK_LOG_FORMAT", default: .automatic)
        var http = HTTPOptions()
        http.requestTimeout = try environment.duration("SOUK_HTTP_REQUEST_TIMEOUT", default: .seconds(30))
        http.trustedProxies = try environment.addressRanges("SOUK_TRUSTED_PROXIES")
        self.http = http
    }

    /// Logs to standard output from now on; once per process.
    package func bootstrapLogging(service: String) {
        SoukLogging.bootstrap(level: logLevel, format: logFormat, service: service)
    }
}
