import HTTPTypes
import SoukAPI
import SoukAuthToken
import SoukCallContext
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import Testing

/// Takes `customer`, `vendor`, `admin` and `other` as tokens.
struct StubVerifier: TokenVerifier {
    static let users: [String: UserID] = [
        "customer": UserID(), "vendor": UserID(), "admin": UserID(), "other": UserID(),
    ]

    func verify(_ token: String) async throws(TokenError) -> Principal {
        if token == "expired" { throw .expired }
        guard let user = Self.users[token] else { throw .badSignature }
        return Principal(userID: user, roles: [Role(rawValue: token) ?? .customer], sessionID: "s")
    }
}

/// A router with the common middlewares, asked in memory.
func withRoutes<T: Sendable>(
    options: HTTPOptions = HTTPOptions(), extra: [SoukMiddleware] = [], _ register: (Routes) -> Void,
    _ test: @Sendable (TestCaller) async throws -> T
) async throws -> T {
    try await test(
        TestCaller(verifier: StubVerifier(), options: options, extra: extra, register: register))
}

extension TestCaller {
    func get(_ path: String, as token: String? = nil, headers: HTTPFields = [:]) async throws -> Answer {
        try await send(.get, path, as: token, headers: headers)
    }

    func post(
        _ path: String, as token: String? = nil, json: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await send(.post, path, as: token, body: json, headers: headers)
    }
}

extension Answer {
    /// The problem document, which an error must be.
    func problem(_ location: SourceLocation = #_sourceLocation) throws -> ProblemDetails {
        #expect(headers[.contentType] == ProblemDetails.mediaType, sourceLocation: location)
        let problem = try JSONCoding.decode(ProblemDetails.self, from: Array(body.utf8))
        #expect(problem.status == status, sourceLocation: location)
        return problem
    }

    func data<T: Codable & Sendable>(_ type: T.Type) throws -> T {
        try JSONCoding.decode(Envelope<T>.self, from: Array(body.utf8)).data
    }
}

/// A body with one field.
struct Greeting: SoukAPI.RequestBody {
    let name: String

    init(_ fields: FieldReader) {
        name = fields.string("name", length: 1...20)
    }
}
