import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// The auth service as its peers in the same process see it.
struct LocalAuthKernel: AuthKernel {
    let accounts: any AccountStore
    let sessions: any SessionStore
    let clock: any WallClock

    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary] {
        if let complaint = KernelBatch.complaint(ids.count, "users") { throw .unavailable(complaint) }
        do {
            try context.checkDeadline()
            return try await accounts.users(ids).map { user in
                UserSummary(
                    id: user.id, email: user.email, isEmailVerified: user.isEmailVerified, name: user.name,
                    roles: user.roles, isActive: user.isActive)
            }
        } catch {
            throw .unavailable("\(error)")
        }
    }

    func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus] {
        if let complaint = KernelBatch.complaint(sessions.count, "sessions") { throw .unavailable(complaint) }
        do {
            try context.checkDeadline()
            return try await self.sessions.statuses(sessions, at: clock.now())
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
