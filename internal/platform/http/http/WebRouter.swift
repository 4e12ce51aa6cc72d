package import Hummingbird
package import SoukAuthToken
package import SoukTime

/// What the common middlewares may be told.
package struct HTTPOptions: Sendable {
    /// When a request that is not answered becomes 504; `nil` for never.
    package var requestTimeout: Duration? = .seconds(30)
    /// Longest body that is taken, in bytes.
    package var maxBodyBytes = 1 << 20
    /// Longest path with query, in bytes.
    package var maxTargetBytes = 8 << 10
    /// Names and values of all header fields together, in bytes.
    package var maxHeaderBytes = 16 << 10
    /// Header fields.
    package var maxHeaderFields = 100
    /// Peers whose `X-Forwarded-For` is believed.
    package var trustedProxies: [AddressRange] = []
    /// Measures durations.
    package var clock: any WallClock = SystemClock()

    /// The defaults.
    package init() {}
}

/// A middleware of the outermost router.
package typealias SoukMiddleware = any MiddlewareProtocol<Request, Response, SoukRequestContext>

/// The router of a process with the common middlewares, and the groups that services register their routes with.
///
/// Not for concurrent use: build it at start, then serve ``buildResponder()``.
package final class WebRouter {
    /// The router itself, for routes that need no authentication at all.
    package let router: Router<SoukRequestContext>
    /// Where services register theirs.
    package let routes: Routes
    /// All that were registered.
    package let catalogue: RouteCatalogue

    /// A router whose every request goes through the common middlewares, `extra` among them as
    /// ``standardMiddlewares(on:options:catalogue:extra:)`` says. Every caller with a good access token has to pass
    /// `accounts`, if given, on every request.
    package init(
        verifier: any TokenVerifier, accounts: (any AccountGuard)? = nil,
        options: HTTPOptions = HTTPOptions(),
        extra: [SoukMiddleware] = []
    ) {
        catalogue = RouteCatalogue()
        router = Router(context: SoukRequestContext.self, options: .autoGenerateHeadEndpoints)
        standardMiddlewares(on: router, options: options, catalogue: catalogue, extra: extra)
        routes = Routes(router: router, verifier: verifier, accounts: accounts, catalogue: catalogue)
    }

    /// What to serve, once every route is registered.
    package func buildResponder() -> RouterResponder<SoukRequestContext> {
        catalogue.add(routesOf: router)
        return router.buildResponder()
    }
}

/// Adds the common middlewares to a router that has no routes yet, outermost first.
///
/// Request id and client address · trace · access log and metrics · security headers · errors to problems · `extra` ·
/// errors to problems · limits · time-out · 405. So each of `extra` sees every answer of what is inside it, other extra
/// ones included, as a response, never as an error, and may itself throw a `SoukError`. Authentication is no part of it: it belongs to ``Routes``.
package func standardMiddlewares(
    on router: Router<SoukRequestContext>, options: HTTPOptions, catalogue: RouteCatalogue,
    extra: [SoukMiddleware] = []
) {
    router.add(middleware: RequestScopeMiddleware(options: options))
    router.add(middleware: TraceMiddleware())
    router.add(middleware: AccessLogMiddleware())
    router.add(middleware: SecurityHeadersMiddleware())
    router.add(middleware: ErrorMappingMiddleware())
    for middleware in extra {
        router.add(middleware: middleware)
        router.add(middleware: ErrorMappingMiddleware())
    }
    router.add(middleware: LimitsMiddleware(options: options))
    router.add(middleware: TimeoutMiddleware())
    router.add(middleware: MethodNotAllowedMiddleware(catalogue: catalogue))
}
