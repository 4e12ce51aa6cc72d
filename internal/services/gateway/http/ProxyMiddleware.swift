import AsyncHTTPClient
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Instrumentation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceContextModule
import SoukErrors
import SoukHTTP

/// Hands requests on to the service that the table names, and its answers back, without holding either in memory.
///
/// A request goes to another address of the service only where none of it was sent, or where it may be repeated (RFC
/// 9110, section 9.2.1: safe methods): what changes something is never begun twice here.
struct ProxyMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let table: RouteTable
    let upstreams: [String: Upstream]
    let client: HTTPClient

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard context.routeTemplate == nil, let route = table.route(of: request.uri.path),
            let upstream = upstreams[route.upstream]
        else { return try await next(request, context) }
        context.noteRoute(route.pattern)
        var outgoing = HTTPClientRequest(url: "")
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        outgoing.headers = headers(for: request, context)
        let target = request.head.path ?? "/"
        return try await RequestUpload.with(request) { body in
            outgoing.body = body
            let answer = try await send(outgoing, target: target, to: upstream, context)
            return Self.response(answer, to: request)
        }
    }

    private func send(
        _ request: HTTPClientRequest, target: String, to upstream: Upstream, _ context: Context
    ) async throws -> HTTPClientResponse {
        let deadline = context.deadline.map { deadline in
            NIODeadline.now() + .nanoseconds(ContinuousClock.now.duration(to: deadline).nanoseconds)
        }
        let isSafe = request.method == .GET || request.method == .HEAD || request.method == .OPTIONS
        var request = request
        var failure: any Error = HTTPClientError.connectTimeout
        for address in upstream.candidates() {
            request.url = "http://\(address)\(target)"
            do {
                return try await client.execute(request, deadline: deadline ?? .distantFuture)
            } catch let error where Self.isBeforeSending(error) {
                upstream.refusedConnection(address)
                failure = error
            } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
                throw ServiceError.upstreamTimedOut(upstream.name)
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = error
                guard isSafe, request.body == nil else { break }
            }
        }
        throw ServiceError(
            .unavailable, code: "upstream.unavailable",
            message: "A part of the marketplace can't be reached right now.",
            detail: "\(upstream.name): \(failure)", retryAfter: .seconds(1))
    }

    /// Whether the failure was one of connecting.
    private static func isBeforeSending(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError: true
        case let error as HTTPClientError: error == .connectTimeout || error == .getConnectionFromPoolTimeout
        case let error as IOError: connectFailures.contains(error.errnoCode)
        default: false
        }
    }

    private static let connectFailures: Set<CInt> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN]

    private func headers(for request: Request, _ context: Context) -> HTTPHeaders {
        var headers = HTTPHeaders()
        for field in ProxyHeaders.forward(request: request.headers) {
            headers.add(name: field.name.rawName, value: field.value)
        }
        headers.add(name: "X-Forwarded-For", value: context.clientAddress)
        headers.add(name: "X-Request-Id", value: context.requestID)
        if let host = request.head.authority { headers.add(name: "X-Forwarded-Host", value: host) }
        if let trace = ServiceContext.current {
            InstrumentationSystem.instrument.inject(trace, into: &headers, using: HeaderInjector())
        }
        return headers
    }

    private static func response(_ answer: HTTPClientResponse, to request: Request) -> Response {
        var fields = HTTPFields()
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        let length = fields[.contentLength].flatMap(Int.init)
        let status = HTTPResponse.Status(code: Int(answer.status.code))
        let headers = ProxyHeaders.forward(response: fields)
        if request.method == .head || length == 0 || status == .noContent || status == .notModified {
            return Response(status: status, headers: headers, body: ResponseBody())
        }
        let body = answer.body
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: length) { writer in
                for try await part in body { try await writer.write(part) }
                try await writer.finish(nil)
            })
    }

    private struct HeaderInjector: Injector {
        func inject(_ value: String, forKey key: String, into headers: inout HTTPHeaders) {
            headers.replaceOrAdd(name: key, value: value)
        }
    }
}

extension ServiceError {
    fileprivate static func upstreamTimedOut(_ name: String) -> ServiceError {
        ServiceError(
            .timedOut, code: "deadline.exceeded", message: "The request took too long.", detail: name)
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
