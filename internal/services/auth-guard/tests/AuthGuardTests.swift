import SoukAuthGuard
import SoukAuthKernel
import SoukAuthToken
import SoukCallContext
import SoukEvents
import SoukEventsRuntime
import SoukGuards
import SoukIDs
import SoukTesting
import Synchronization
import Testing

private final class StubAuth: AuthKernel {
    let standing = Mutex<SessionStanding?>(.active)

    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary] { [] }

    func standings(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStanding] {
        guard let standing = standing.withLock({ $0 }) else { throw .unavailable("away") }
        return Dictionary(uniqueKeysWithValues: sessions.map { ($0, standing) })
    }
}

@Suite struct AuthGuardTests {
    @Test(arguments: [
        (SessionStanding.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func asksTheKernel(standing: SessionStanding, refusal: AccountRefusal) async throws {
        let auth = StubAuth()
        let guards = ActiveAccountGuard(auth: auth, cache: nil, clock: ManualClock())
        let caller = Principal(userID: UserID(), roles: [], sessionID: "s")
        let call = CallContext(requestID: "test")
        try await guards.admit(caller, call)
        auth.standing.withLock { $0 = standing }
        guards.drop(sessions: ["s"], of: caller.userID)
        await #expect(throws: refusal) { try await guards.admit(caller, call) }
        auth.standing.withLock { $0 = nil }
        guards.drop(user: caller.userID)
        await #expect(throws: AccountRefusal.self) { try await guards.admit(caller, call) }
    }

    @Test func followsTheEventsOfEndedSessionsAndChangedUsers() {
        let guards = ActiveAccountGuard(auth: StubAuth(), cache: nil, clock: ManualClock())
        #expect(guards.handlers.map(\.type) == [SessionEnded.type, UserUpdated.type])
        #expect(Set(guards.handlers.map(\.topic)) == [SessionEnded.topic])
    }
}
