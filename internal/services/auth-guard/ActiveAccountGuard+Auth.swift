package import SoukAuthKernel
package import SoukCache
import SoukDatabase
import SoukEvents
package import SoukEventsRuntime
package import SoukGuards
package import SoukProcess
package import SoukTime

extension AccountGuardDefinition {
    /// Asks the auth service.
    package static let authService = AccountGuardDefinition(
        kernel: AuthKernelKey.self, events: ActiveAccountGuard.events
    ) { composition in
        ActiveAccountGuard(
            auth: try composition.kernel(AuthKernelKey.self), cache: composition.cache,
            clock: composition.clock)
    }
}

extension ActiveAccountGuard {
    /// A guard that asks the auth service.
    ///
    /// - Parameters:
    ///   - auth: The service itself, or the client of one.
    ///   - cache: Shared by all processes; nil where this is the only one.
    package convenience init(
        auth: any AuthKernel, cache: (any Cache)?, options: Options = Options(), clock: any WallClock
    ) {
        self.init(cache: cache, options: options, clock: clock) { userID, sessionID, context in
            let session = SessionReference(userID: userID, sessionID: sessionID)
            let status = try await auth.statuses([session], context)[session] ?? .unknown
            return AccountStatus(
                AccountStatus.Session(status.state), roles: status.roles, version: status.version)
        }
    }

    /// What a process does about the auth service's events. Of several processes of one service one gets each event; the
    /// others learn of it within ``Options/memoryLifetime``.
    package static let events: EventHandlerTable<ActiveAccountGuard> = [
        // Nothing is written, so there is nothing that a rollback would have to undo.
        .on(SessionEnded.self, isolation: .readCommitted) { accounts, event, _, _ in
            accounts.drop(sessions: event.sessionIds, of: event.userId)
        },
        .on(UserUpdated.self, isolation: .readCommitted) { accounts, event, _, _ in
            accounts.drop(user: event.userId, version: event.version)
            accounts.drop(sessions: event.sessionIds ?? [], of: event.userId)
        },
    ]
}

extension AccountStatus.Session {
    fileprivate init(_ state: SessionStatus.State) {
        switch state {
        case .active: self = .active
        case .ended: self = .ended
        case .deactivated: self = .deactivated
        }
    }
}
