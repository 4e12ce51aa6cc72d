import GRPCCore
import Logging
import SoukAuthToken
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime
import Synchronization
import Testing

@testable import SoukRPCRuntime

/// Accounts with these roles, all others deactivated; notes how it was asked.
final class StubAccounts: AccountGuard {
    private let roles: [UserID: Set<Role>]
    let freshness = Mutex<Set<AuthorityFreshness>>([])

    init(_ roles: [UserID: Set<Role>]) { self.roles = roles }

    func admit(
        _ caller: Principal, _ freshness: AuthorityFreshness, _ context: CallContext
    ) async throws -> Principal {
        self.freshness.withLock { _ = $0.insert(freshness) }
        guard let roles = roles[caller.userID] else { throw AccountRefusal.accountInactive }
        return Principal(userID: caller.userID, roles: roles, sessionID: caller.sessionID)
    }
}

/// A method that a service may call for an administrator: whoever has only the service's word, or another token than a good
/// one of an admin, is refused, over either transport.
@Suite(.timeLimit(.minutes(2))) struct DelegationTests {
    enum Transport: CaseIterable { case inProcess, socket }

    /// A caller, and what it shows besides its good identity.
    private struct Attempt {
        let name: String
        var context = CallContext(requestID: "r")
        var metadata: Metadata = [:]
        let code: String
    }

    private let admin = UserID(), former = UserID(), gone = UserID()
    private let clock = SystemClock()

    private func token(
        _ user: UserID, _ roles: Set<Role> = [.admin], by keys: TokenKeys, lifetime: Duration = .seconds(60)
    ) async throws -> String {
        let now = clock.now() - .seconds(120)
        return try await keys.createToken(
            AccessClaims(
                userID: user, roles: roles, sessionID: "s", issuedAt: now,
                expiresAt: now + .seconds(120) + lifetime))
    }

    @Test(arguments: Transport.allCases)
    func aServicesWordForAUserCountsForNothing(transport: Transport) async throws {
        let key = try await TokenKey.generateEd25519(kid: "k")
        let users = try TokenKeys([key], signing: "k", clock: clock)
        let foreign = try TokenKeys([key], signing: "k", audience: "another-marketplace", clock: clock)
        let good = try await token(admin, by: users)
        let claim: Metadata = [
            "souk-principal-id": "\(admin)", "souk-principal-roles": "admin", "souk-principal-session": "s",
        ]
        func passing(_ token: String) -> CallContext {
            let principal = Principal(userID: admin, roles: [.admin], sessionID: "s")
            return CallContext(requestID: "r", principal: principal, proof: AccessToken(token))
        }
        let cut = good.lastIndex(of: ".") ?? good.endIndex
        let refused = [
            Attempt(name: "no token", code: "token.missing"),
            Attempt(
                name: "a principal without a token",
                context: CallContext(
                    requestID: "r", principal: Principal(userID: admin, roles: [.admin], sessionID: "s")),
                code: "token.missing"),
            Attempt(name: "a claim", metadata: claim, code: "rpc.principal_unproven"),
            Attempt(
                name: "a claim beside a customer's token",
                context: passing(try await token(former, [.customer], by: users)), metadata: claim,
                code: "rpc.principal_unproven"),
            Attempt(
                name: "expired", context: passing(try await token(admin, by: users, lifetime: .seconds(-60))),
                code: "token.expired"),
            Attempt(
                name: "another audience", context: passing(try await token(admin, by: foreign)),
                code: "token.invalid"),
            Attempt(name: "tampered with", context: passing(good[..<cut] + ".AAAA"), code: "token.invalid"),
            Attempt(name: "no token at all", context: passing("admin"), code: "token.invalid"),
            Attempt(
                name: "a role that was taken", context: passing(try await token(former, by: users)),
                code: "auth.forbidden"),
            Attempt(
                name: "a deactivated account", context: passing(try await token(gone, by: users)),
                code: "auth.account_inactive"),
        ]
        let accounts = StubAccounts([admin: [.admin], former: [.customer]])
        try await serving(transport, users, accounts) { (ask) async throws in
            for attempt in refused {
                await #expect { _ = try await ask(attempt.context, attempt.metadata) } throws: { error in
                    let failure = error as? RPCFailure
                    let isRefusal = failure?.kind == .unauthenticated || failure?.kind == .forbidden
                    return isRefusal && failure?.code == attempt.code
                }
            }
            #expect(try await ask(passing(good), [:]) == "\(admin)")
        }
        #expect(accounts.freshness.withLock { $0 } == [.current], "past every cache")
    }

    /// Runs a service that says on whose behalf it was called, and `body` with a way to call it as a service of its list.
    private func serving(
        _ transport: Transport, _ users: TokenKeys, _ accounts: StubAccounts,
        _ body: (_ ask: (CallContext, Metadata) async throws -> String) async throws -> Void
    ) async throws {
        let keys = try TestKeys("order", "gateway")
        let access = RPCAccess.delegated(["gateway"], .admin)
        let lines = LogLines()
        let handler: @Sendable (String, ServerContext) async throws -> String = { _, context in
            let call = context.call.context
            #expect(call.proof != nil)
            return "\(try #require(call.principal).userID)"
        }
        switch transport {
        case .inProcess:
            let parts = InProcess(
                access: access, identities: keys.ring(for: "order"), identity: try keys.identity("gateway"),
                verifier: users, accounts: accounts, logger: lines.logger, handler)
            try await parts.run { () async throws in
                try await body { (context, metadata) async throws in
                    try await parts.peer.ask("", context, asUser: true, metadata: metadata)
                }
            }
        case .socket:
            let node = Node(
                access: access, identities: keys.ring(for: "order"), verifier: users, accounts: accounts,
                logger: lines.logger, handler)
            let peer = try peer(
                "127.0.0.1:\(try await node.port)", identity: try keys.identity("gateway"))
            try await running([peer]) { () async throws in
                try await body { (context, metadata) async throws in
                    try await peer.ask("", context, asUser: true, metadata: metadata)
                }
            }
            await node.kill()
        }
        let written = lines.text
        #expect(
            written.contains("\(admin)") && !written.contains("eyJ"), "tokens begin so, and no line holds one"
        )
    }

    @Test func aTokenShowsNoText() {
        let context = CallContext(
            requestID: "r", principal: Principal(userID: admin, roles: [], sessionID: "s"),
            proof: AccessToken("eyJsecret"))
        var dumped = ""
        dump(context, to: &dumped)
        for text in ["\(context)", String(reflecting: context), dumped] {
            #expect(!text.contains("eyJ") && text.contains("access token"))
        }
    }
}

/// What is logged, as text.
private final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(lines: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.message) \(metadata) \(event.metadata ?? [:])") }
        }
    }
}
