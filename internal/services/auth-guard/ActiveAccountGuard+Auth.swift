package import SoukAuthKernel
package import SoukCache
package import SoukGuards
package import SoukProcess
package import SoukTime

extension AccountGuardDefinition {
    /// Asks the auth service.
    package static let authService = AccountGuardDefinition(
        kernel: AuthKernelKey.self
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
