import SoukAuthKernel
import SoukAuthRPC
import SoukCallContext
import SoukDatabase
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukRPCRuntime
import SoukRPCTesting
import SoukTesting
import SoukTime
import Testing

@testable import SoukAuth

/// What an ``AccountMailKernel`` promises, on every route that leads to it.
@Suite struct AccountMailKernelTests {
    private static func run(
        _ route: KernelRoute, as caller: String = "notification",
        _ body: (AuthFixture, any AccountMailKernel) async throws -> Void
    ) async throws {
        let auth = try await AuthFixture()
        let kernel = auth.service.mails
        try await route.run(
            local: kernel,
            RPCService(AccountMailService(kernel: kernel), access: .services(["notification"])), of: "auth",
            as: caller,
            inProcess: { RemoteAccountMailKernel($0) }, socket: { RemoteAccountMailKernel($0) }
        ) { try await body(auth, $0) }
    }

    private static let call = CallContext.background("test")

    @Test(arguments: KernelRoute.allCases)
    func aMailHasATokenOfItsOwnEachTime(route: KernelRoute) async throws {
        try await Self.run(route) { (auth, kernel) async throws in
            let ann = try await auth.register("ann@example.com")
            let request = try #require(try await auth.requests(.claim, to: "ann@example.com").first)
            func token() async throws -> String {
                let mail = try await kernel.mail(for: request, Self.call)
                guard mail?.address == "ann@example.com",
                    case .verification(let token, let end) = mail?.content
                else { throw AuthFixture.NoToken() }
                #expect(end == auth.clock.now() + .seconds(24 * 3_600))
                return token.reveal()
            }
            let (first, second) = try await (token(), token())
            #expect(first != second)
            for (token, status) in [(first, 403), (second, 200)] {
                let answer = try await auth.post(
                    "/api/v1/auth/email/verify", #"{"token": "\#(token)"}"#, token: ann.accessToken)
                #expect(answer.status == status)
            }
            #expect(try await kernel.mail(for: request, Self.call) == nil)
            #expect(try await kernel.mail(for: MailRequestID(), Self.call) == nil)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func everyKindArrives(route: KernelRoute) async throws {
        try await Self.run(route) { (auth, kernel) async throws in
            let ann = try await auth.register("ann@example.com")
            try await auth.confirm("ann@example.com")
            _ = try await auth.register("ann@example.com")
            _ = try await auth.post(
                "/api/v1/auth/email/change",
                #"{"email": "new@example.com", "current_password": "\#(AuthFixture.password)"}"#,
                token: ann.accessToken)
            _ = try await auth.post("/api/v1/auth/password/forgot", #"{"email": "ann@example.com"}"#)
            func content(_ purpose: MailPurpose) async throws -> AccountMail.Content? {
                let request = try #require(try await auth.requests(purpose, to: "ann@example.com").first)
                return try await kernel.mail(for: request, Self.call)?.content
            }
            #expect(try await content(.claim) == .addressInUse)
            #expect(try await content(.changeNotice) == .changeRequested)
            guard case .passwordReset = try await content(.reset) else {
                Issue.record("no reset")
                return
            }
        }
    }

    @Test(arguments: [KernelRoute.inProcess, .socket])
    func nobodyElseGetsTokens(route: KernelRoute) async throws {
        try await Self.run(route, as: "order") { (auth, kernel) async throws in
            _ = try await auth.register("ann@example.com")
            let request = try #require(try await auth.requests(.claim, to: "ann@example.com").first)
            await #expect(throws: AuthKernelError.self) { try await kernel.mail(for: request, Self.call) }
            #expect(
                try await auth.count("SELECT COUNT(*) FROM mail_requests WHERE token_hash IS NOT NULL") == 0)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func timeIsBounded(route: KernelRoute) async throws {
        try await Self.run(route) { (_, kernel) async throws in
            let late = CallContext(requestID: "late", deadline: .now - .seconds(1))
            await #expect(throws: AuthKernelError.self) { try await kernel.mail(for: MailRequestID(), late) }
        }
    }
}
