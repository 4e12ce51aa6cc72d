import ServiceLifecycle
import SoukAuthToken
package import SoukCache
package import SoukCallContext
import SoukErrors
package import SoukIDs
package import SoukTime

/// Refuses callers whose session has ended or whose account is deactivated, though their access token is still good.
///
/// A session's standing is remembered in this process for ``TwoTierCache/Options/memoryLifetime``, in the shared cache
/// for longer, and comes from the account service. Where none of them can tell, the caller is refused with 503.
package final class ActiveAccountGuard: AccountGuard, Service {
    /// Asks the account service how a session stands.
    package typealias Source =
        @Sendable (_ userID: UserID, _ sessionID: String, CallContext) async throws -> AccountStanding
    package typealias Options = TwoTierCache<AccountStanding>.Options

    private let standings: TwoTierCache<AccountStanding>
    private let source: Source
    private let loadTimeout: Duration

    /// - Parameters:
    ///   - cache: Shared by all processes; nil where this is the only one.
    ///   - source: Asked where neither memory nor cache knows; called with a deadline.
    package init(
        cache: (any Cache)?, options: Options = Options(), clock: any WallClock, source: @escaping Source
    ) {
        standings = TwoTierCache(options, shared: cache, clock: clock)
        self.source = source
        loadTimeout = options.loadTimeout
    }

    package func admit(_ principal: Principal, _ context: CallContext) async throws {
        let key = Self.key(principal.userID, principal.sessionID)
        let standing =
            if let remembered = standings.remembered(key) { remembered } else {
                try await load(key, principal, context)
            }
        switch standing {
        case .active: return
        case .ended: throw AccountRefusal.sessionEnded
        case .deactivated: throw AccountRefusal.accountInactive
        }
    }

    /// Forgets what is known of these sessions: here at once, in the shared cache as soon as it can be told.
    package func drop(sessions: [String], of userID: UserID) {
        standings.drop(sessions.map { Self.key(userID, $0) })
    }

    /// Forgets what this process knows of a user's sessions.
    package func drop(user: UserID) {
        standings.drop(prefix: Self.prefix(user))
    }

    /// Tells the shared cache what to forget, until shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.standings.keepFlushing() }
    }

    private func load(
        _ key: String, _ principal: Principal, _ context: CallContext
    ) async throws -> AccountStanding {
        let (source, timeout) = (source, loadTimeout)
        let (userID, sessionID, requestID) = (principal.userID, principal.sessionID, context.requestID)
        do {
            return try await standings.value(for: key) {
                // Not the caller's deadline: others wait for this, too.
                let context = CallContext(requestID: requestID, deadline: .now + timeout)
                return try await withDeadline(context) { try await source(userID, sessionID, context) }
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw AccountRefusal.unknown((error as? any SoukError)?.logDescription ?? "\(error)")
        }
    }

    private static func prefix(_ userID: UserID) -> String { "standing:\(userID):" }
    private static func key(_ userID: UserID, _ sessionID: String) -> String { prefix(userID) + sessionID }
}
