import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import SoukCallContext
import SoukIDs
import SoukText

/// Gives the request its id, its deadline and the address of its client; the outermost middleware.
struct RequestScopeMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext
    /// More hops than any sane chain of proxies has.
    private static let maxForwards = 32

    let options: HTTPOptions

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = Self.acceptable(request.headers[.requestID]) ?? ID<RequestTag>().description
        context.clientAddress = clientAddress(of: request, peer: context.peerAddress)
        context.deadline = options.requestTimeout.map { .now + $0 }
        var logger = context.logger
        logger[metadataKey: "hb.request.id"] = nil
        logger[metadataKey: "request_id"] = "\(context.requestID)"
        context.logger = logger

        var response = try await next(request, context)
        response.headers[.requestID] = context.requestID
        // What the router answers itself to HEAD may carry a body, which HTTP/1.1 has no room for.
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// An id from outside goes into logs and headers, so only a harmless one is kept.
    private static func acceptable(_ id: String?) -> String? {
        guard let id, (1...64).contains(id.utf8.count) else { return nil }
        let isSafe = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        return isSafe ? id : nil
    }

    /// Walks from the socket outwards as long as each hop is a proxy of ours; what the next one wrote is true.
    private func clientAddress(of request: Request, peer: String) -> String {
        guard !options.trustedProxies.isEmpty, let field = request.headers[.forwardedFor] else { return peer }
        var client = peer
        for hop in field.split(byte: ",").reversed().prefix(Self.maxForwards) {
            guard let known = IPAddress(client),
                options.trustedProxies.contains(where: { $0.contains(known) })
            else {
                break
            }
            let text = hop.removingBlanks()
            guard IPAddress(text) != nil else { break }
            client = text
        }
        return client
    }
}

private enum RequestTag {}
