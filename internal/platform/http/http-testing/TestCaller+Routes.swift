package import HTTPTypes
import SoukAPI
package import SoukHTTP

/// A router with the common middlewares, asked in memory by ``NamedUsers``.
package func withRoutes<T: Sendable>(
    options: HTTPOptions = HTTPOptions(), extra: [SoukMiddleware] = [], _ register: (Routes) -> Void,
    _ test: @Sendable (TestCaller) async throws -> T
) async throws -> T {
    try await test(TestCaller(verifier: NamedUsers(), options: options, extra: extra, register: register))
}

extension TestCaller {
    package func get(
        _ path: String, as token: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await send(.get, path, as: token, headers: headers)
    }

    package func post(
        _ path: String, as token: String? = nil, json: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await send(.post, path, as: token, body: json, headers: headers)
    }
}

extension Answer {
    /// What the envelope holds, decoded.
    package func data<T: Codable & Sendable>(_ type: T.Type) throws -> T {
        try JSONCoding.decode(Envelope<T>.self, from: Array(body.utf8)).data
    }
}
