import HTTPTypes
package import Hummingbird
package import SoukAuthToken

/// Where services register their routes, by who may call them. Paths are written whole: `/api/v1/orders/{id}`.
///
/// Not for concurrent use: routes are registered one after another at start.
package struct Routes {
    /// For anybody: the principal is `nil`, or verified and with the roles that the account has.
    package let open: RouterGroup<SoukRequestContext>
    /// For anybody with a valid token of a session that goes on; others get 401.
    package let user: RouterGroup<UserContext>
    /// For administrators; others get 401 or 403. Each request asks the account service's database whether the caller is
    /// one; where it can't be asked, it gets 503.
    package let admin: RouterGroup<AdminContext>

    /// Routes of `router` behind a check of access tokens by `verifier`, and then of their sessions by `accounts`; each
    /// one registered is noted in `catalogue`.
    package init(
        router: Router<SoukRequestContext>, verifier: any TokenVerifier, accounts: (any AccountGuard)? = nil,
        catalogue: RouteCatalogue = RouteCatalogue()
    ) {
        open = NotingRouter(router: router, catalogue: catalogue).group()
            .add(middleware: AuthenticationMiddleware(verifier: verifier, accounts: accounts))
        user = open.group(context: UserContext.self)
        let current = open.group()
        if let accounts { current.add(middleware: CurrentAuthorityMiddleware(accounts: accounts)) }
        admin = current.group(context: AdminContext.self)
    }
}

/// Passes routes on to the router and notes them.
private struct NotingRouter: RouterMethods {
    let router: Router<SoukRequestContext>
    let catalogue: RouteCatalogue

    @discardableResult
    func on<Responder: HTTPResponder>(
        _ path: RouterPath, method: HTTPRequest.Method, responder: Responder
    ) -> Self where Responder.Context == SoukRequestContext {
        router.on(path, method: method, responder: responder)
        catalogue.add(method: method.rawValue, path: path.description)
        return self
    }

    @discardableResult
    func add(middleware: any MiddlewareProtocol<Request, Response, SoukRequestContext>) -> Self {
        router.add(middleware: middleware)
        return self
    }
}
