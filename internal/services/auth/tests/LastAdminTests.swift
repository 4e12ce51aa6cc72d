import Logging
import SoukCallContext
import SoukIDs
import SoukPagination
import SoukTesting
import Testing

@testable import SoukAuth

/// What admins do to each other at the same moment: each acts with the role that the one before has left, and one stays.
@Suite struct LastAdminTests {
    private let auth: AuthFixture
    private let administration: UserAdministration
    private let accounts: SQLAccountStore

    init() async throws {
        auth = try await AuthFixture()
        accounts = auth.accounts
        administration = UserAdministration(
            accounts: accounts, clock: auth.clock, audit: AuditLog(logger: Logger(label: "test")))
    }

    private func admins() async throws -> [UserID] {
        try await accounts.list(UserFilter(text: nil, role: .admin), PageRequest()).items.map(\.id)
    }

    private func addAdmin(_ name: String) async throws -> Principal {
        let now = auth.clock.now()
        let user = User(
            email: "\(name)@example.com", name: "A", roles: [.admin, .customer], createdAt: now)
        try await accounts.create(Account(user: user, passwordHash: "-"), mail: nil)
        return Principal(userID: user.id, roles: user.roles, sessionID: name)
    }

    @Test func ofManyAdminsWhoRemoveThemselvesAtOnceOneStays() async throws {
        var all: [Principal] = []
        for index in 0..<9 { all.append(try await addAdmin("a\(index)")) }
        all += try await admins().filter { id in !all.contains { $0.userID == id } }.map {
            Principal(userID: $0, roles: [.admin], sessionID: "first")
        }
        let refused = await withTaskGroup(of: Bool.self) { [administration] group in
            for admin in all {
                group.addTask {
                    do {
                        try await administration.remove(.admin, from: admin.userID, by: admin)
                        return false
                    } catch { return true }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(refused == 1)
        #expect(try await admins().count == 1)
    }

    @Test func whoHasLostTheRoleGivesItToNobody() async throws {
        let (first, second, third) = (
            try await addAdmin("first"), try await addAdmin("second"), try await addAdmin("third")
        )
        try await administration.remove(.admin, from: second.userID, by: first)
        _ = try await administration.setActive(false, third.userID, expected: nil, by: first)
        for former in [second, third] {
            await #expect(throws: AuthError.notAdmin) {
                try await administration.assign(.admin, to: former.userID, by: former)
            }
            await #expect(throws: AuthError.notAdmin) {
                try await administration.remove(.admin, from: first.userID, by: former)
            }
            await #expect(throws: AuthError.notAdmin) {
                try await administration.setActive(true, former.userID, expected: nil, by: former)
            }
        }
        #expect(try await !admins().contains(second.userID))
        #expect(try await accounts.user(third.userID)?.isActive == false)
    }

    /// The removed one gives himself the role back as often as he can, before, while and after he is removed: in the end he
    /// hasn't got it, whoever came first.
    @Test func aRemovalWinsAgainstTheRemovedOnesOwnGrants() async throws {
        let admin = try await addAdmin("admin")
        for round in 0..<10 {
            let removed = try await addAdmin("removed\(round)")
            await withTaskGroup(of: Void.self) { [administration] group in
                for _ in 0..<8 {
                    group.addTask {
                        // Refused or overtaken: what counts is what is left in the end.
                        try? await administration.assign(.admin, to: removed.userID, by: removed)
                    }
                }
                group.addTask {
                    do {
                        try await administration.remove(.admin, from: removed.userID, by: admin)
                    } catch { Issue.record(error) }
                }
            }
            #expect(try await accounts.user(removed.userID)?.roles == [.customer], "round \(round)")
        }
    }

    /// Two who remove each other: exactly one of them is left.
    @Test func ofTwoWhoRemoveEachOtherOneIsLeft() async throws {
        for round in 0..<10 {
            let (one, other) = (try await addAdmin("one\(round)"), try await addAdmin("other\(round)"))
            let removals = await withTaskGroup(of: Bool.self) { [administration] group in
                for (by, target) in [(one, other), (other, one)] {
                    group.addTask {
                        (try? await administration.remove(.admin, from: target.userID, by: by)) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(removals == 1)
        }
    }

    @Test func theVendorRoleFollowsTheVendorAccount() async throws {
        let admin = try await addAdmin("admin")
        await #expect(throws: AuthError.roleFollowsVendor) {
            try await administration.assign(.vendor, to: admin.userID, by: admin)
        }
        await #expect(throws: AuthError.roleFollowsVendor) {
            try await administration.remove(.vendor, from: admin.userID, by: admin)
        }
    }
}
