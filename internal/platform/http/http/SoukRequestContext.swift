package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
package import SoukCallContext
import SoukErrors
import Synchronization
import SoukText

/// What is known of a request while it is handled. The middlewares fill it in.
package struct SoukRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Ties the log lines of this request together; sent back as `X-Request-Id`.
    package var requestID: String
    /// Who really asks, as text; behind a trusted proxy not the peer of the socket. `unknown` without a socket.
    package var clientAddress: String
    /// The caller, proven by an access token; `nil` when none was sent.
    package var principal: Principal?
    /// The access token that was verified.
    package var proof: AccessToken?
    /// When the answer is due; `nil` for never.
    package var deadline: ContinuousClock.Instant?
    /// The peer of the socket.
    package let peerAddress: String
    /// What inner middlewares tell the outer ones.
    let notes: RequestNotes

    /// The context of a request that came over a socket.
    package init(source: ApplicationRequestContextSource) {
        self.init(
            coreContext: CoreRequestContextStorage(source: source),
            peerAddress: source.channel.remoteAddress?.ipAddress ?? "unknown")
    }

    /// The context of a request that came over no socket, as in tests.
    package init(logger: Logger, peerAddress: String = "unknown") {
        self.init(
            coreContext: CoreRequestContextStorage(source: BareSource(logger: logger)),
            peerAddress: peerAddress)
    }

    private init(coreContext: CoreRequestContextStorage, peerAddress: String) {
        self.coreContext = coreContext
        self.peerAddress = peerAddress
        requestID = "none"
        clientAddress = peerAddress
        principal = nil
        proof = nil
        deadline = nil
        notes = RequestNotes()
    }

    /// The same as ``requestID``.
    package var id: String { requestID }

    /// What goes along with calls into kernels.
    package var call: CallContext {
        CallContext(requestID: requestID, principal: principal, proof: proof, deadline: deadline)
    }

    private struct BareSource: RequestContextSource {
        let logger: Logger
    }
}

/// A context whose caller is known.
package protocol CallerContext: RequestContext {
    /// The caller, proven by an access token.
    var principal: Principal { get }
    /// What goes along with calls into kernels.
    var call: CallContext { get }
    /// Ties the log lines of this request together.
    var requestID: String { get }
    /// Who really asks, as text.
    var clientAddress: String { get }
}

/// The context of routes for anybody who is logged in.
package struct UserContext: ChildRequestContext, CallerContext {
    package var coreContext: CoreRequestContextStorage
    package let principal: Principal
    package let call: CallContext
    package let clientAddress: String

    /// Throws: `ServiceError` 401 `auth.required` when no token was sent.
    package init(context: SoukRequestContext) throws {
        principal = try context.authenticated()
        coreContext = context.coreContext
        call = context.call
        clientAddress = context.clientAddress
    }

    package var requestID: String { call.requestID }
    /// The same as ``requestID``.
    package var id: String { requestID }
}

/// The context of routes for administrators: of accounts that have the role now, by the account service's database.
package struct AdminContext: ChildRequestContext, CallerContext {
    package var coreContext: CoreRequestContextStorage
    package let principal: Principal
    package let call: CallContext
    package let clientAddress: String

    /// Throws: `ServiceError` 401 `auth.required` when no token was sent, 403 `auth.forbidden` for anybody but admins.
    package init(context: SoukRequestContext) throws {
        principal = try context.authenticated()
        guard principal.has(.admin) else {
            throw ServiceError(
                .forbidden, code: "auth.forbidden", message: "Only administrators may do this.")
        }
        coreContext = context.coreContext
        call = context.call
        clientAddress = context.clientAddress
    }

    package var requestID: String { call.requestID }
    /// The same as ``requestID``.
    package var id: String { requestID }
}

extension SoukRequestContext {
    fileprivate func authenticated() throws -> Principal {
        guard let principal else {
            throw ServiceError(
                .unauthenticated, code: "auth.required", message: "An access token is required.")
        }
        return principal
    }
}

/// What inner middlewares learn and outer ones log: contexts are values and flow only inwards.
final class RequestNotes: Sendable {
    private let user = Mutex<String?>(nil)
    private let noted = Mutex<String?>(nil)

    var userID: String? {
        get { user.withLock { $0 } }
        set { user.withLock { $0 = newValue } }
    }

    /// A route that is none of the router's own.
    var route: String? {
        get { noted.withLock { $0 } }
        set { noted.withLock { $0 = newValue } }
    }
}

extension SoukRequestContext {
    /// Names the route in logs, metrics and traces where the router doesn't know it, as for a proxy.
    package func noteRoute(_ template: String) {
        notes.route = template
    }

    /// The template of the route, or what was noted in its place.
    var namedRoute: String? { routeTemplate ?? notes.route }

    /// Whether the path holds a secret, such as the link of a pay page.
    var hasSecretPath: Bool { namedRoute?.contains(bytes: "{token}") ?? false }

    /// The path for logs and traces: `{token}` stands where the route's template has it, for who knows it may use it.
    func publicPath(of request: Request) -> String {
        let path = request.uri.path
        guard let template = namedRoute, hasSecretPath else { return path }
        let parts = path.split(byte: "/")
        let names = template.split(byte: "/")
        return zip(parts, names).map { $1 == "{token}" ? "/{token}" : "/\($0)" }.joined()
    }
}

extension RequestContext {
    /// The template of the route, `/api/v1/orders/{id}`; `nil` when no route matches.
    package var routeTemplate: String? {
        guard let path = endpointPath, path != "NotFound" else { return nil }
        return path
    }
}
