import Hummingbird
import SoukAuthToken
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import Synchronization
import Testing

/// Remembers one set of roles, and knows another; notes what it was asked.
private final class TwoMemories: AccountGuard {
    let remembered: Set<Role>
    /// nil where the account service can't be asked.
    let current: Set<Role>?
    let asked = Mutex<[AuthorityFreshness]>([])

    init(remembered: Set<Role>, current: Set<Role>?) {
        self.remembered = remembered
        self.current = current
    }

    func admit(
        _ caller: Principal, _ freshness: AuthorityFreshness, _ context: CallContext
    ) async throws -> Principal {
        asked.withLock { $0.append(freshness) }
        let roles = freshness == .current ? current : remembered
        guard let roles else { throw AccountRefusal.unknown("unavailable") }
        return Principal(userID: caller.userID, roles: roles, sessionID: caller.sessionID)
    }
}

@Suite struct AuthorityTests {
    private func answer(_ path: String, as token: String, _ accounts: TwoMemories) async throws -> Answer {
        let caller = TestCaller(verifier: NamedUsers(), accounts: accounts) { routes in
            routes.user.get("/user") { _, context in
                try Reply.ok(context.principal.roles.map(\.rawValue).sorted())
            }
            routes.open.get("/open") { _, context in
                try Reply.ok(context.principal.map { $0.roles.map(\.rawValue).sorted() } ?? ["nobody"])
            }
            routes.admin.get("/admin") { _, context in
                #expect(context.call.proof?.reveal() == token)
                return try Reply.ok(context.call.principal?.roles.map(\.rawValue).sorted() ?? [])
            }
        }
        return try await caller.get(path, as: token)
    }

    @Test(arguments: ["/user", "/open"]) func handlersSeeTheRolesOfTheAccount(path: String) async throws {
        let accounts = TwoMemories(remembered: [.customer, .vendor], current: nil)
        let answer = try await answer(path, as: "admin", accounts)
        #expect(answer.data == .array([.string("customer"), .string("vendor")]))
        #expect(accounts.asked.withLock { $0 } == [.remembered])
    }

    @Test func adminsAreAskedAboutEachTimePastWhatIsRemembered() async throws {
        let accounts = TwoMemories(remembered: [.admin], current: [.admin, .customer])
        let answer = try await answer("/admin", as: "admin", accounts)
        #expect(answer.data == .array([.string("admin"), .string("customer")]))
        #expect(accounts.asked.withLock { $0 } == [.remembered, .current])
    }

    @Test func whoIsRememberedAsAnAdminAndIsNoneIsRefused() async throws {
        let accounts = TwoMemories(remembered: [.admin], current: [.customer])
        let answer = try await answer("/admin", as: "admin", accounts)
        #expect(answer.status == 403 && answer.code == "auth.forbidden")
    }

    @Test func withoutTheAccountServiceNoAdminIsLetIn() async throws {
        let accounts = TwoMemories(remembered: [.admin], current: nil)
        let answer = try await answer("/admin", as: "admin", accounts)
        #expect(answer.status == 503 && answer.header("Retry-After") != nil)
    }

    /// Who isn't remembered as an admin can't make the account service work.
    @Test func aCustomerOnAnAdminsRouteCostsNoQuestion() async throws {
        let accounts = TwoMemories(remembered: [.customer], current: [.customer])
        #expect(try await answer("/admin", as: "customer", accounts).status == 403)
        #expect(accounts.asked.withLock { $0 } == [.remembered])
    }
}
