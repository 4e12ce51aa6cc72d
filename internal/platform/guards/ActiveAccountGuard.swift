import ServiceLifecycle
import SoukAuthToken
package import SoukCache
package import SoukCallContext
package import SoukIDs
package import SoukTime

/// Refuses callers whose session has ended or whose account is deactivated, though their access token is still good.
package final class ActiveAccountGuard: AccountGuard, Service {
    /// Asks the account service how a session stands.
    package typealias Source = @Sendable (_ userID: UserID, _ sessionID: String, CallContext) async throws -> AccountStanding

    package struct Options: Sendable {
        /// How long an answer is believed by this process without looking at the shared cache again: the longest that
        /// an ended session can go on here when nobody tells this process.
        package var memoryLifetime: Duration = .seconds(2)
        package init() {}
    }

    private let source: Source

    /// - Parameters:
    ///   - cache: Shared by all processes; nil where this is the only one.
    ///   - source: Asked where neither memory nor cache knows; called with a deadline.
    package init(
        cache: (any Cache)?, options: Options = Options(), clock: any WallClock, source: @escaping Source
    ) {
        self.source = source
    }

    package func admit(_ principal: Principal, _ context: CallContext) async throws {}

    /// Forgets what is known of sessions that have ended, here at once and in the shared cache as soon as possible.
    package func drop(sessions: [String], of userID: UserID) {}

    /// Forgets what this process knows of all sessions of a user.
    package func drop(user: UserID) {}

    /// Drops entries in the shared cache until shutdown.
    package func run() async throws {
        try await gracefulShutdown()
    }
}
