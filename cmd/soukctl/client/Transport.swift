import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// What a request does.
enum Method: String {
    case get = "GET"
    case post = "POST"
    case delete = "DELETE"
}

/// One exchange with a server: no retries, no redirects, a time limit, a size limit.
struct Transport: Sendable {
    struct Response: Sendable {
        let status: UInt
        let body: Data
    }

    private static let maximumBytes = 64 << 20

    let server: Server
    let timeout: Duration

    /// - Parameter path: From the slash on, percent-encoded, query included.
    /// - Throws: ``Failure`` when there is no answer.
    func send(
        _ method: Method, _ path: String, token: String? = nil, json: Data? = nil
    ) async throws -> Response {
        var request = HTTPClientRequest(url: server.description + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "soukctl")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let json {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: json))
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let response = try await client.execute(request, timeout: limit)
            let body = try await response.body.collect(upTo: Self.maximumBytes)
            try await client.shutdown()
            return Response(status: response.status.code, body: Data(body.readableBytesView))
        } catch {
            // The first error is the one to tell.
            try? await client.shutdown()
            throw Failure("\(server): \(Self.reason(error, timeout: timeout))")
        }
    }

    private var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        // A redirect would carry the token to wherever it says.
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = limit
        configuration.timeout.read = limit
        return configuration
    }

    private var limit: TimeAmount {
        let (seconds, attoseconds) = timeout.components
        return .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static func reason(_ error: any Error, timeout: Duration) -> String {
        if let error = error as? HTTPClientError {
            switch error {
            case .deadlineExceeded, .connectTimeout, .readTimeout, .getConnectionFromPoolTimeout:
                return "no answer within \(timeout.formatted(.units()))"
            case .remoteConnectionClosed: return "the connection was closed"
            default: return error.shortDescription
            }
        }
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        // NIO's error for a host with several addresses tells the system's reason in its text only.
        let text = "\(error)"
        // check-text: a number in an error of the program's own
        if let match = text.firstMatch(of: /errno: (\d+)/), let code = Int32(match.1) {
            return String(cString: strerror(code))
        }
        return text
    }
}
