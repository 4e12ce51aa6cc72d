package import SoukAuthKernel
package import SoukCache
import SoukDatabase
import SoukEvents
package import SoukEventsRuntime
package import SoukGuards
package import SoukTime

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

    /// What a process does about the auth service's events. Goes into the ``ServiceResources/guardHandlers`` of every
    /// service of the process; one process at a time of several of one service gets each event, the others learn of it
    /// within ``Options/memoryLifetime``.
    package var handlers: [EventHandler] {
        [
            // Nothing is written, so there is nothing that a rollback would have to undo.
            .on(SessionEnded.self, isolation: .readCommitted) { event, _, _ in
                self.drop(sessions: event.sessionIds, of: event.userId)
            },
            .on(UserUpdated.self, isolation: .readCommitted) { event, _, _ in
                self.drop(user: event.userId, version: event.version)
                self.drop(sessions: event.sessionIds ?? [], of: event.userId)
            },
        ]
    }
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
