import HTTPTypes
import SoukAuthToken
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEvents
import SoukGuards
import SoukHTTPTesting
import SoukIDs
import SoukTesting
import Synchronization
import Testing

@testable import SoukAuth
@testable import SoukEventsRuntime

/// What guards are told of accounts: after the commit, and again with the event.
@Suite struct AccountChangeTests {
    private final class Told: Sendable {
        let changes = Mutex<[AccountChange]>([])
        var all: [AccountChange] { changes.withLock { $0 } }

        func add(_ change: AccountChange) { changes.withLock { $0.append(change) } }
    }

    /// What the observers are told when an event comes, from its bytes.
    private func told<E: Event>(of event: E) async throws -> [AccountChange] {
        let auth = try await AuthFixture(), told = Told()
        auth.service.endings.observe { told.add($0) }
        let repeater = AccountChangeRepeater(endings: auth.service.endings)
        let handler = try #require(
            AccountChangeRepeater.events.bound(to: repeater).first {
                $0.type == E.type && $0.topic == E.topic
            })
        let envelope = try EventEnvelope(
            event, id: "e", source: "/souk/auth", time: ManualClock().now(), traceparent: nil)
        let context = EventContext(
            eventID: envelope.id, time: envelope.time, attempt: 1, call: CallContext(requestID: "test"))
        try await auth.database.transaction { try await handler.run(envelope, context, $0) }
        return told.all
    }

    @Test func endedSessionsAreToldAgain() async throws {
        let user = UserID()
        let event = SessionEnded(userId: user, sessionIds: ["a", "b"], reason: "logout")
        #expect(try await told(of: event) == [AccountChange(userID: user, sessionIDs: ["a", "b"])])
    }

    @Test func changedAccountsAreToldAgainWithTheirVersion() async throws {
        let user = UserID()
        func updated(_ sessions: [String]?) -> UserUpdated {
            UserUpdated(
                userId: user, email: "a@test.example", name: "A", roles: [], active: false, version: 3,
                sessionIds: sessions)
        }
        #expect(
            try await told(of: updated(["a"]))
                == [AccountChange(userID: user, sessionIDs: ["a"], version: 3)])
        #expect(try await told(of: updated(nil)).isEmpty, "neither roles nor state have changed")
    }

    @Test func changedRolesAreToldAfterTheCommit() async throws {
        let auth = try await AuthFixture(), told = Told()
        let ann = try await auth.register("ann@example.com")
        let principal = try await auth.keys.verify(try #require(ann.accessToken))
        auth.service.endings.observe { told.add($0) }
        let admin = try await auth.logIn(AuthFixture.adminEmail, AuthFixture.adminPassword)
        let answer = try await auth.send(
            .put, "/api/v1/admin/users/\(principal.userID)/roles/admin", token: admin.accessToken)
        #expect(answer.status < 300)
        #expect(
            told.all == [
                AccountChange(userID: principal.userID, sessionIDs: [principal.sessionID], version: 2)
            ])
    }
}
