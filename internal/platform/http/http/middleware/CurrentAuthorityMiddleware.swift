import Hummingbird
import SoukAuthToken
import SoukCallContext

/// Asks the account service's database, past every cache, what an administrator may do now.
///
/// Who isn't one by what is remembered passes on to be refused by the route: callers without the role can't make the account
/// service work.
struct CurrentAuthorityMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let accounts: any AccountGuard

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let principal = context.principal, principal.has(.admin) else {
            return try await next(request, context)
        }
        var context = context
        context.principal = try await accounts.admit(principal, .current, context.call)
        return try await next(request, context)
    }
}
