import Foundation

/// Requests to one server, with the stored tokens.
struct Session: Sendable {
    let store: CredentialStore
    let transport: Transport

    var server: Server { transport.server }

    /// A request as the signed-in user. An access token that has run out is exchanged first.
    ///
    /// - Throws: ``Failure`` unless the answer is 2xx.
    func send(_ method: Method, _ path: String, json: Data? = nil) async throws -> Answer {
        var credentials = try signedIn()
        if !credentials.isFresh() { credentials = try await refreshed(credentials) }
        var response = try await transport.send(method, path, token: credentials.accessToken, json: json)
        if response.status == 401 {
            // Ended earlier than this machine's clock has it; a refused request has changed nothing.
            credentials = try await refreshed(credentials)
            response = try await transport.send(method, path, token: credentials.accessToken, json: json)
        }
        return try Self.answer(response)
    }

    /// A request as nobody.
    func anonymously(_ method: Method, _ path: String, json: Data? = nil) async throws -> Answer {
        try Self.answer(try await transport.send(method, path, json: json))
    }

    /// The stored credentials, if they are for this server.
    ///
    /// - Throws: ``Failure`` when there are none.
    func signedIn() throws(Failure) -> Credentials {
        guard let credentials = try store.read() else { throw Failure("not signed in; run `soukctl login`") }
        guard credentials.url == server.description else {
            throw Failure(
                "signed in at \(credentials.url), not at \(server); run `soukctl login --url \(server)`")
        }
        return credentials
    }

    private func refreshed(_ old: Credentials) async throws -> Credentials {
        try await store.locked(timeout: transport.timeout) {
            let current = try signedIn()
            // Another soukctl was faster.
            if current.accessToken != old.accessToken, current.isFresh() { return current }
            let body = try JSONEncoder().encode(["refresh_token": current.refreshToken])
            let response = try await transport.send(.post, "/api/v1/auth/refresh", json: body)
            if response.status == 401 { throw Failure("the session has ended; run `soukctl login`") }
            let credentials = try Self.answer(response).data(as: Grant.self).credentials(for: server)
            try store.write(credentials)
            return credentials
        }
    }

    static func answer(_ response: Transport.Response) throws(Failure) -> Answer {
        let answer = Answer(body: response.body)
        if (200..<300).contains(response.status) { return answer }
        guard let problem: Problem = try? answer.decode() else {
            throw Failure("the server answered \(response.status); is it a Souk?")
        }
        throw problem.failure(status: response.status)
    }
}
