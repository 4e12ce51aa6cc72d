import SoukAuthGuard
import SoukAuthKernel
import SoukAuthToken
import SoukCache
import SoukCallContext
import SoukGuards
import SoukIDs
import SoukTesting
import Synchronization
import Testing

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
        guards.announce(AccountChange(userID: caller.userID, sessionIDs: ["s"]))
        await #expect(throws: refusal) { try await guards.admit(caller, call) }
        auth.status.withLock { $0 = nil }
        guards.announce(AccountChange(userID: caller.userID, sessionIDs: ["s"]))
        await #expect(throws: AccountRefusal.self) { try await guards.admit(caller, call) }
    }

    /// Sessions that go on, with another role: of what this process remembers, and of what only the shared cache does.
    @Test func forgetsChangedRolesInBothTiers() async throws {
        let auth = StubAuth(), clock = ManualClock()
        let cache = MemoryCache(capacity: 100, clock: clock)
        let guards = ActiveAccountGuard(auth: auth, cache: cache, clock: clock)
        let caller = Principal(userID: UserID(), roles: [], sessionID: "s")
        let call = CallContext(requestID: "test")
        func changed(_ version: Int) -> AccountChange {
            AccountChange(userID: caller.userID, sessionIDs: ["s"], version: version)
        }
        #expect(try await guards.admit(caller, call).has(.admin))
        auth.status.withLock { $0 = SessionStatus(.active, roles: [.customer], version: 2) }
        guards.announce(changed(2))
        #expect(try await !guards.admit(caller, call).has(.admin))

        // The process that announces it has never seen the session, which the shared cache holds.
        let consumer = ActiveAccountGuard(auth: auth, cache: cache, clock: clock)
        clock.advance(by: .seconds(3))
        #expect(try await guards.admit(caller, call).roles == [.customer])
        auth.status.withLock { $0 = SessionStatus(.active, roles: [.vendor], version: 3) }
        consumer.announce(changed(3))
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
}
