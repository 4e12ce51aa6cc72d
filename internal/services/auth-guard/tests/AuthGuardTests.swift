import SoukAuthGuard
import SoukAuthKernel
import SoukAuthToken
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEvents
import SoukGuards
import SoukIDs
import SoukTesting
import Synchronization
import Testing

@testable import SoukEventsRuntime

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

    /// The news is enough: no memory has run out by then.
    @Test(arguments: [
        (SessionStanding.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func followsTheEventsOfEndedSessionsAndDeactivatedUsers(
        standing: SessionStanding, refusal: AccountRefusal
    ) async throws {
        let auth = StubAuth()
        let guards = ActiveAccountGuard(auth: auth, cache: nil, clock: ManualClock())
        let (caller, stranger) = (UserID(), UserID())
        let principal = Principal(userID: caller, roles: [], sessionID: "s")
        let call = CallContext(requestID: "test")
        func updated(_ user: UserID, active: Bool) -> UserUpdated {
            UserUpdated(userId: user, email: "a@test.example", name: "A", roles: [], active: active)
        }
        func ended(_ user: UserID, _ session: String) -> SessionEnded {
            SessionEnded(userId: user, sessionIds: ["other", session], reason: "logout")
        }
        try await guards.admit(principal, call)
        auth.standing.withLock { $0 = standing }
        // News of others, or of another session, changes nothing: memory still answers.
        for event in [ended(stranger, "s"), ended(caller, "another")] { try await deliver(event, to: guards) }
        for event in [updated(stranger, active: false), updated(caller, active: true)] {
            try await deliver(event, to: guards)
        }
        try await guards.admit(principal, call)
        if standing == .ended {
            try await deliver(ended(caller, "s"), to: guards)
        } else {
            try await deliver(updated(caller, active: false), to: guards)
        }
        await #expect(throws: refusal) { try await guards.admit(principal, call) }
    }

    /// Runs the guard's handler of an event, as the consumer does, from the event's bytes.
    private func deliver<E: Event>(_ event: E, to guards: ActiveAccountGuard) async throws {
        let handler = try #require(guards.handlers.first { $0.type == E.type && $0.topic == E.topic })
        let envelope = try EventEnvelope(
            event, id: "e", source: "/souk/auth", time: ManualClock().now(), traceparent: nil)
        let context = EventContext(
            eventID: envelope.id, time: envelope.time, attempt: 1, call: CallContext(requestID: "test"))
        let database = try await TestDatabase.make()
        try await database.transaction { try await handler.run(envelope, context, $0) }
    }
}
