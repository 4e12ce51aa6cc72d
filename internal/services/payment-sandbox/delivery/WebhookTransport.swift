import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Carries one webhook to its receiver.
protocol WebhookTransport: Sendable {
    /// - Returns: the answer's status.
    /// - Throws: when there was no answer in time.
    func post(_ body: [UInt8], to url: String, headers: [(String, String)]) async throws -> Int

    /// Closes connections; a later post opens new ones.
    func close() async
}

/// Over HTTP, without following redirects: a webhook goes where it was configured to go and nowhere else.
final class HTTPWebhookTransport: WebhookTransport {
    private static let timeout: TimeAmount = .seconds(10)
    private static let maxAnswerBytes = 64 << 10

    /// Made at the first post, so that a sandbox that was set up and never run has nothing to close.
    private let client = Mutex<HTTPClient?>(nil)

    func post(_ body: [UInt8], to url: String, headers: [(String, String)]) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = HTTPHeaders(headers)
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await openClient().execute(request, timeout: Self.timeout)
        // Read to the end, so that the connection can be used again; nobody needs what it says.
        _ = try? await response.body.collect(upTo: Self.maxAnswerBytes)
        return Int(response.status.code)
    }

    func close() async {
        let open = client.withLock { client in
            let open = client
            client = nil
            return open
        }
        // Only fails when it was shut down before, which this class doesn't do.
        try? await open?.shutdown()
    }

    private func openClient() -> HTTPClient {
        client.withLock { client in
            if let client { return client }
            let new = HTTPClient(
                eventLoopGroupProvider: .singleton,
                configuration: .init(
                    redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: Self.timeout)
                ))
            client = new
            return new
        }
    }
}
