import SoukAuthGuard
import SoukAuthKernel
import SoukAuthToken
import SoukCache
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
    let status = Mutex<SessionStatus?>(.admin)

    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary] { [] }

    func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus] {
        guard let status = status.withLock({ $0 }) else { throw .unavailable("away") }
        return Dictionary(uniqueKeysWithValues: sessions.map { ($0, status) })
    }
}

extension SessionStatus {
    fileprivate static let admin = SessionStatus(.active, roles: [.admin], version: 1)
    fileprivate static let ended = SessionStatus(.ended, roles: [], version: 2)
    fileprivate static let deactivated = SessionStatus(.deactivated, roles: [], version: 2)
}

extension ActiveAccountGuard {
    /// By what is remembered.
    @discardableResult
    fileprivate func admit(_ caller: Principal, _ context: CallContext) async throws -> Principal {
        try await admit(caller, .remembered, context)
    }
}

@Suite struct AuthGuardTests {
    @Test(arguments: [
        (SessionStatus.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func asksTheKernel(status: SessionStatus, refusal: AccountRefusal) async throws {
        let auth = StubAuth()
        let guards = ActiveAccountGuard(auth: auth, cache: nil, clock: ManualClock())
        let caller = Principal(userID: UserID(), roles: [], sessionID: "s")
        let call = CallContext(requestID: "test")
        try await guards.admit(caller, call)
        auth.status.withLock { $0 = status }
        guards.drop(sessions: ["s"], of: caller.userID)
        await #expect(throws: refusal) { try await guards.admit(caller, call) }
        auth.status.withLock { $0 = nil }
        guards.drop(user: caller.userID)
        await #expect(throws: AccountRefusal.self) { try await guards.admit(caller, call) }
    }

    /// The news is enough: no memory has run out by then.
    @Test(arguments: [
        (SessionStatus.ended, AccountRefusal.sessionEnded), (.deactivated, .accountInactive),
    ])
    func followsTheEventsOfEndedSessionsAndDeactivatedUsers(
        status: SessionStatus, refusal: AccountRefusal
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
        auth.status.withLock { $0 = status }
        // News of others, or of another session, changes nothing: memory still answers.
        for event in [ended(stranger, "s"), ended(caller, "another")] { try await deliver(event, to: guards) }
        try await deliver(updated(stranger, active: false), to: guards)
        try await guards.admit(principal, call)
        if status == .ended {
            try await deliver(ended(caller, "s"), to: guards)
        } else {
            try await deliver(updated(caller, active: false), to: guards)
        }
        await #expect(throws: refusal) { try await guards.admit(principal, call) }
    }

    /// Sessions that go on, with another role: of what this process remembers, and of what only the shared cache does.
    @Test func followsTheEventsOfChangedRoles() async throws {
        let auth = StubAuth(), clock = ManualClock()
        let cache = MemoryCache(capacity: 100, clock: clock)
        let guards = ActiveAccountGuard(auth: auth, cache: cache, clock: clock)
        let caller = Principal(userID: UserID(), roles: [], sessionID: "s")
        let call = CallContext(requestID: "test")
        func updated(_ version: Int) -> UserUpdated {
            UserUpdated(
                userId: caller.userID, email: "a@test.example", name: "A", roles: [], active: true,
                version: version, sessionIds: ["s"])
        }
        #expect(try await guards.admit(caller, call).has(.admin))
        auth.status.withLock { $0 = SessionStatus(.active, roles: [.customer], version: 2) }
        try await deliver(updated(2), to: guards)
        #expect(try await !guards.admit(caller, call).has(.admin))

        // The process that gets the event has never seen the session, which the shared cache holds.
        let consumer = ActiveAccountGuard(auth: auth, cache: cache, clock: clock)
        clock.advance(by: .seconds(3))
        #expect(try await guards.admit(caller, call).roles == [.customer])
        auth.status.withLock { $0 = SessionStatus(.active, roles: [.vendor], version: 3) }
        try await deliver(updated(3), to: consumer)
        let running = Task { try await consumer.run() }
        let end = ContinuousClock.now + .seconds(10)
        while try await cache.get("standing:\(caller.userID):s") != nil, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        running.cancel()
        _ = await running.result
        let elsewhere = ActiveAccountGuard(auth: auth, cache: cache, clock: clock)
        #expect(try await elsewhere.admit(caller, call).roles == [.vendor])
    }

    /// Runs the guard's handler of an event, as the consumer does, from the event's bytes.
    private func deliver<E: Event>(_ event: E, to guards: ActiveAccountGuard) async throws {
        let handler = try #require(
            ActiveAccountGuard.events.bound(to: guards).first { $0.type == E.type && $0.topic == E.topic })
        let envelope = try EventEnvelope(
            event, id: "e", source: "/souk/auth", time: ManualClock().now(), traceparent: nil)
        let context = EventContext(
            eventID: envelope.id, time: envelope.time, attempt: 1, call: CallContext(requestID: "test"))
        let database = try await TestDatabase.make()
        try await database.transaction { try await handler.run(envelope, context, $0) }
    }
}
