import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTesting
import Testing

@testable import SoukAuth

/// The last admin stays one, whoever else is taken the role from at the same moment.
@Suite struct LastAdminTests {
    @Test func ofManyAdminsWhoAreRemovedAtOnceOneStays() async throws {
        let auth = try await AuthFixture()
        let outbox = EventRuntime(
            service: "auth", database: auth.database, broker: UnusedBroker(), clock: auth.clock
        ).outbox
        let store = SQLAccountStore(
            database: auth.database, outbox: outbox, endings: SessionEndings(outbox: outbox))
        let now = auth.clock.now()
        var ids = try await store.list(UserFilter(text: nil, role: .admin), PageRequest()).items.map(\.id)
        for index in 0..<9 {
            let user = User(
                id: UserID(), email: "a\(index)@example.com", name: "A", roles: [.admin], isActive: true,
                version: 1, createdAt: now, updatedAt: now)
            try await store.create(Account(user: user, passwordHash: "-"))
            ids.append(user.id)
        }
        let refused = await withTaskGroup(of: Bool.self) { group in
            for id in ids {
                group.addTask {
                    do {
                        _ = try await store.update(id, expected: nil, at: now) { account, otherAdmins in
                            guard otherAdmins > 0 else { throw AuthError.lastAdmin }
                            account.user.roles.remove(.admin)
                            return .all
                        }
                        return false
                    } catch { return true }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(refused == 1)
        #expect(try await store.list(UserFilter(text: nil, role: .admin), PageRequest()).items.count == 1)
    }
}
