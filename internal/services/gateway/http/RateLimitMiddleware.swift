import HTTPTypes
import Hummingbird
import SoukCache
import SoukHTTP

/// Holds each client (an address, or a /64 of IPv6) to the quota, and says so with the `RateLimit-Policy` and `RateLimit`
/// fields of draft-ietf-httpapi-ratelimit-headers-10, and `Retry-After` on 429.
struct RateLimitMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let limiter: RateLimiter
    /// Addresses that aren't counted.
    let exempt: [AddressRange]

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard !isExempt(context.clientAddress) else { return try await next(request, context) }
        let decision = await limiter.admit(IPAddress.clientNetwork(of: context.clientAddress))
        guard decision.isAllowed else {
            var headers = fields(decision)
            headers[.retryAfter] = String(max(1, decision.retryAfter.wholeSeconds))
            throw HTTPError(
                .tooManyRequests, headers: headers, message: "Too many requests; please slow down.")
        }
        var response = try await next(request, context)
        for field in fields(decision) { response.headers[field.name] = field.value }
        return response
    }

    private func fields(_ decision: RateDecision) -> HTTPFields {
        [
            .rateLimitPolicy: "\"default\";q=\(limiter.limit.quota);w=\(limiter.limit.window.wholeSeconds)",
            .rateLimit: "\"default\";r=\(decision.remaining);t=\(decision.reset.wholeSeconds)",
        ]
    }

    private func isExempt(_ client: String) -> Bool {
        guard !exempt.isEmpty, let address = IPAddress(client) else { return false }
        return exempt.contains { $0.contains(address) }
    }
}

extension Duration {
    /// Seconds, rounded up.
    fileprivate var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
