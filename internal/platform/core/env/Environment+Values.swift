package import Foundation
import SoukText

extension Environment {
    /// An absolute URL with a host; `default` must be one too.
    ///
    /// Throws: `ConfigurationError` for anything else, and as ``optionalString(_:)``.
    package func url(_ name: String, default: String) throws(ConfigurationError) -> URL {
        try Self.parseURL(try optionalString(name) ?? `default`, for: name)
    }

    /// An absolute URL with a host; `nil` when it is not set.
    ///
    /// Throws: `ConfigurationError` for anything else, and as ``optionalString(_:)``.
    package func optionalURL(_ name: String) throws(ConfigurationError) -> URL? {
        guard let text = try optionalString(name) else { return nil }
        return try Self.parseURL(text, for: name)
    }

    /// A URL that paths are appended to: as ``optionalURL(_:)``, without a slash at its end.
    package func baseURL(_ name: String) throws(ConfigurationError) -> String? {
        guard var text = try optionalURL(name)?.absoluteString else { return nil }
        while text.hasSuffix(bytes: "/") { text.removeLast() }
        return text
    }

    /// One of the raw values of `T`.
    ///
    /// Throws: `ConfigurationError` listing them for anything else, and as ``optionalString(_:)``.
    package func choice<T: RawRepresentable & CaseIterable>(
        _ name: String, default: T
    ) throws(ConfigurationError) -> T where T.RawValue == String {
        guard let text = try optionalString(name) else { return `default` }
        guard let value = T(rawValue: text) else {
            let known = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError(name, "'\(text)' is none of \(known)")
        }
        return value
    }

    private static func parseURL(_ text: String, for name: String) throws(ConfigurationError) -> URL {
        guard let url = URL(string: text), url.scheme != nil, let host = url.host(), !host.isEmpty else {
            // Not quoted: connection URLs hold passwords.
            throw ConfigurationError(name, "is not a URL such as http://host:8080")
        }
        return url
    }
}
