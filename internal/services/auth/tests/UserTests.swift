import HTTPTypes
import Logging
@testable import SoukAuth
import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukEvents
import SoukEventsRuntime
import SoukHTTPTesting
import SoukIdentifiers
import SoukIDs
import SoukTime
import Testing

@Suite struct UserTests {
    @Test func usersSeeAndChangeThemselves() async throws {
        let auth = try await AuthFixture()
        let token = try await auth.register("ann@example.com").accessToken
        let me = try await auth.send(.get, "/api/v1/users/me", token: token)
        #expect(me.status == 200)
        #expect(me.etag == "\"1\"")
        let stale = try await auth.send(
            .patch, "/api/v1/users/me", token: token, json: #"{"name": "Anna"}"#, headers: [.ifMatch: "\"7\""]
        )
        #expect(stale.status == 412)
        let changed = try await auth.send(
            .patch, "/api/v1/users/me", token: token, json: #"{"name": "Anna"}"#)
        #expect(changed.status == 200)
        #expect(changed.data["name"].string == "Anna")
        #expect(changed.etag == "\"2\"")
        let same = try await auth.send(
            .patch, "/api/v1/users/me", token: token, json: #"{"name": "Anna"}"#, headers: [.ifMatch: "\"2\""]
        )
        #expect(same.etag == "\"2\"")
        #expect(try await auth.send(.get, "/api/v1/users/me").status == 401)
        let roles = try await auth.send(
            .patch, "/api/v1/users/me", token: token, json: #"{"roles": ["admin"]}"#)
        #expect(roles.status == 400)
    }

    @Test func aNewPasswordEndsTheOtherSessions() async throws {
        let auth = try await AuthFixture()
        let here = try await auth.register("ann@example.com")
        let elsewhere = try await auth.logIn("ann@example.com")
        func change(_ json: String) async throws -> Answer {
            try await auth.send(.patch, "/api/v1/users/me", token: here.accessToken, json: json)
        }
        #expect(try await change(#"{"password": "another long secret"}"#).status == 422)
        let wrong = try await change(#"{"password": "another long secret", "current_password": "nope"}"#)
        #expect(wrong.status == 403)
        #expect(wrong.code == "auth.wrong_current_password")
        let weak = try await change(
            #"{"password": "password123", "current_password": "\#(AuthFixture.password)"}"#)
        #expect(weak.status == 422)
        let done = try await change(
            #"{"password": "another long secret", "current_password": "\#(AuthFixture.password)"}"#)
        #expect(done.status == 200)
        #expect(try await auth.refresh(elsewhere.refreshToken).status == 401)
        #expect(try await auth.refresh(here.refreshToken).status == 200)
        #expect(try await auth.logIn("ann@example.com").status == 401)
        #expect(try await auth.logIn("ann@example.com", "another long secret").status == 200)
    }

    @Test(arguments: ["/api/v1/admin/users", "/api/v1/admin/users/\(UserID())"])
    func onlyAdminsSeeOthers(_ path: String) async throws {
        let auth = try await AuthFixture()
        let customer = try await auth.register("ann@example.com").accessToken
        #expect(try await auth.send(.get, path).status == 401)
        #expect(try await auth.send(.get, path, token: customer).status == 403)
    }

    @Test func adminsListAndSearch() async throws {
        let auth = try await AuthFixture()
        for name in ["a_b", "axb", "zoe"] { _ = try await auth.register("\(name)@example.com") }
        let admin = try await auth.admin()
        func emails(_ query: String) async throws -> [String?] {
            let answer = try await auth.send(.get, "/api/v1/admin/users\(query)", token: admin)
            #expect(answer.status == 200)
            return answer.data.items.map { $0["email"].string }
        }
        #expect(try await emails("").count == 4)
        #expect(try await emails("?size=2&page=2").count == 2)
        #expect(try await emails("?q=A_B") == ["a_b@example.com"])
        #expect(try await emails("?role=admin") == [AuthFixture.adminEmail])
        #expect(try await emails("?q=zoe&role=admin") == [])
        #expect(try await auth.send(.get, "/api/v1/admin/users?role=king", token: admin).status == 400)
        #expect(try await auth.send(.get, "/api/v1/admin/users/\(UserID())", token: admin).status == 404)
    }

    @Test func rolesAreGivenAndTaken() async throws {
        let auth = try await AuthFixture()
        let admin = try await auth.admin()
        let ann = try await auth.register("ann@example.com")
        let path = "/api/v1/admin/users/\(ann.userID ?? "")"
        for _ in 0..<2 {
            #expect(try await auth.send(.put, "\(path)/roles/admin", token: admin).status == 204)
        }
        let refreshed = try await auth.refresh(ann.refreshToken)
        #expect(refreshed.data["user"]["roles"].items == [.string("admin"), .string("customer")])
        for _ in 0..<2 {
            #expect(try await auth.send(.delete, "\(path)/roles/admin", token: admin).status == 204)
        }
        #expect(try await auth.send(.get, path, token: admin).etag == "\"3\"")
        #expect(try await auth.send(.put, "\(path)/roles/king", token: admin).status == 404)
        let byHand = try await auth.send(.put, "\(path)/roles/vendor", token: admin)
        #expect(byHand.status == 409 && byHand.code == "role.follows_vendor")
        #expect(try await auth.send(.put, "\(path)/roles/admin", token: ann.accessToken).status == 403)
    }

    @Test func theLastAdminStays() async throws {
        let auth = try await AuthFixture()
        let admin = try await auth.logIn(AuthFixture.adminEmail, AuthFixture.adminPassword)
        let path = "/api/v1/admin/users/\(admin.userID ?? "")"
        let removed = try await auth.send(.delete, "\(path)/roles/admin", token: admin.accessToken)
        #expect(removed.status == 409)
        #expect(removed.code == "user.last_admin")
        let off = try await auth.send(.patch, path, token: admin.accessToken, json: #"{"active": false}"#)
        #expect(off.status == 409)

        let ann = try await auth.register("ann@example.com")
        let other = "/api/v1/admin/users/\(ann.userID ?? "")"
        #expect(try await auth.send(.put, "\(other)/roles/admin", token: admin.accessToken).status == 204)
        // An inactive admin is no admin.
        #expect(
            try await auth.send(.patch, other, token: admin.accessToken, json: #"{"active": false}"#).status
                == 200)
        #expect(try await auth.send(.delete, "\(path)/roles/admin", token: admin.accessToken).status == 409)
        #expect(
            try await auth.send(.patch, other, token: admin.accessToken, json: #"{"active": true}"#).status
                == 200)
        #expect(try await auth.send(.delete, "\(path)/roles/admin", token: admin.accessToken).status == 204)
    }

    @Test func deactivationEndsSessions() async throws {
        let auth = try await AuthFixture()
        let admin = try await auth.admin()
        let ann = try await auth.register("ann@example.com")
        let path = "/api/v1/admin/users/\(ann.userID ?? "")"
        let events = try await auth.service.events?.summary(.background("test")).outboxDepth ?? 0
        let answer = try await auth.send(.patch, path, token: admin, json: #"{"active": false}"#)
        #expect(answer.data["active"].bool == false)
        #expect(
            try await auth.service.events?.summary(.background("test")).outboxDepth == events + 2,
            "the user, and the session")
        #expect(try await auth.refresh(ann.refreshToken).status == 401)
        #expect(try await auth.logIn("ann@example.com").code == "auth.account_inactive")
        #expect(try await auth.logIn("ann@example.com", "wrong one").code == "auth.invalid_credentials")
        #expect(try await auth.send(.get, "/api/v1/users/me", token: ann.accessToken).status == 403)
        _ = try await auth.send(.patch, path, token: admin, json: #"{"active": true}"#)
        #expect(try await auth.logIn("ann@example.com").status == 200)
    }

    @Test func theFirstAdminIsMadeOnceAndNeverReset() async throws {
        let auth = try await AuthFixture()
        let again = try await AuthFixture(
            ["SOUK_AUTH_ADMIN_PASSWORD": "quite another secret"], database: auth.database)
        #expect(try await again.logIn(AuthFixture.adminEmail, AuthFixture.adminPassword).status == 200)
        #expect(try await again.logIn(AuthFixture.adminEmail, "quite another secret").status == 401)
        // An account that somebody signed up for is not promoted.
        _ = try await auth.register("ann@example.com")
        try await auth.confirm("ann@example.com")
        let promoted = try await AuthFixture(
            ["SOUK_AUTH_ADMIN_EMAIL": "ann@example.com"], database: auth.database)
        let ann = try await promoted.logIn("ann@example.com")
        #expect(ann.data["user"]["roles"].items == [.string("customer")])
    }

    @Test(arguments: [
        (["SOUK_AUTH_ADMIN_EMAIL": "a@b.co"], "SOUK_AUTH_ADMIN_PASSWORD"),
        (["SOUK_AUTH_ADMIN_PASSWORD": "a fine long secret"], "SOUK_AUTH_ADMIN_EMAIL"),
        (
            ["SOUK_AUTH_ADMIN_EMAIL": "a@b.co", "SOUK_AUTH_ADMIN_PASSWORD": "short"],
            "SOUK_AUTH_ADMIN_PASSWORD"
        ),
        (["SOUK_AUTH_ARGON2_MEMORY_KIB": "1"], "SOUK_AUTH_ARGON2_MEMORY_KIB"),
        (["SOUK_AUTH_ACCESS_TOKEN_TTL": "0s"], "SOUK_AUTH_ACCESS_TOKEN_TTL"),
        (["SOUK_RATE_LIMIT_EXEMPT": "10.0.0.0/33"], "SOUK_RATE_LIMIT_EXEMPT"),
    ])
    func badConfigurationNamesTheVariable(_ values: [String: String], _ name: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try AuthConfiguration(Environment(values: values))
        }
        #expect(error?.name == name)
        #expect(error?.description.contains("short") != true)
    }

    @Test func vendorsOwnersGetTheRole() async throws {
        let auth = try await AuthFixture()
        let ann = try await auth.register("ann@example.com")
        let id = try #require(UserID(ann.userID ?? ""))
        let consumer = VendorStatusConsumer(
            accounts: auth.accounts, clock: auth.clock, audit: AuditLog(logger: Logger(label: "test")))
        func roles(after status: String, owner: UserID) async throws -> Set<Role>? {
            let event = VendorStatusChanged(
                vendorId: VendorID(), ownerId: owner, name: "Ann's", status: status, reason: nil)
            try await auth.database.transaction { try await consumer.handle(event, in: $0) }
            return try await auth.accounts.user(owner)?.roles
        }
        let before = try await auth.service.events?.summary(.background("test")).outboxDepth ?? 0
        #expect(try await roles(after: "pending", owner: id) == [.customer])
        #expect(try await roles(after: "active", owner: id) == [.customer, .vendor])
        #expect(try await roles(after: "active", owner: id) == [.customer, .vendor])
        #expect(try await roles(after: "suspended", owner: id) == [.customer])
        #expect(try await auth.service.events?.summary(.background("test")).outboxDepth == before + 2)
        #expect(try await roles(after: "active", owner: UserID()) == nil)
    }

    @Test func peersLookUsersUpInBatches() async throws {
        let auth = try await AuthFixture()
        var ids: [UserID] = []
        for index in 0..<3 {
            let made = try await auth.register("u\(index)@example.com")
            ids.append(try #require(UserID(made.userID ?? "")))
        }
        let strangers = (0..<997).map { _ in UserID() }
        let found = try await auth.service.kernel.users(ids + strangers, .background("test"))
        #expect(Set(found.map(\.id)) == Set(ids))
        #expect(found.allSatisfy { $0.isActive && $0.roles == [.customer] && $0.name == "Ann" })
        #expect(try await auth.service.kernel.users([], .background("test")).isEmpty)
    }
}
