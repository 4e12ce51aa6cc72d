import HTTPTypes
import SoukAuthKernel
import SoukAuthRPC
import SoukAuthToken
import SoukCallContext
import SoukHTTPTesting
import SoukIDs
import SoukRPCRuntime
import SoukRPCTesting
import Testing

@testable import SoukAuth

/// What an ``AuthKernel`` promises, on every route that leads to it.
@Suite struct AuthKernelTests {
    private static func run(
        _ route: KernelRoute, _ body: (AuthFixture, any AuthKernel) async throws -> Void
    ) async throws {
        let auth = try await AuthFixture()
        let kernel = auth.service.kernel
        try await route.run(
            local: kernel, RPCService(AuthKernelService(kernel: kernel), access: .services(["order"])),
            of: "auth", as: "order", inProcess: { RemoteAuthKernel($0) },
            socket: { RemoteAuthKernel($0) }
        ) { try await body(auth, $0) }
    }

    private static let call = CallContext.background("test")

    @Test(arguments: KernelRoute.allCases)
    func usersAsTheyStandAndUnknownOnesLeftOut(route: KernelRoute) async throws {
        try await Self.run(route) { (auth, kernel) async throws in
            let ann = try await auth.register("ann@example.com")
            let id = try #require(ann.userID.flatMap { UserID($0) })
            let summary = UserSummary(
                id: id, email: "ann@example.com", isEmailVerified: false, name: "Ann", roles: [.customer],
                isActive: true)
            #expect(try await kernel.users([UserID(), id], Self.call) == [summary])
            try await auth.confirm("ann@example.com")
            #expect(try await kernel.users([id], Self.call).map(\.isEmailVerified) == [true])
            #expect(try await kernel.users([], Self.call).isEmpty)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func everySessionIsAnswered(route: KernelRoute) async throws {
        try await Self.run(route) { (auth, kernel) async throws in
            func session(_ answer: Answer) async throws -> SessionReference {
                let claims = try await auth.keys.validateAndExtractInfoFromToken(
                    try #require(answer.accessToken))
                return SessionReference(userID: claims.userID, sessionID: claims.sessionID)
            }
            let ann = try await session(try await auth.register("ann@example.com"))
            let out = try await auth.logIn("ann@example.com")
            let ended = try await session(out)
            _ = try await auth.send(
                .post, "/api/v1/auth/logout", json: #"{"refresh_token": "\#(out.refreshToken ?? "")"}"#)
            let bob = try await session(try await auth.register("bob@example.com"))
            _ = try await auth.send(
                .patch, "/api/v1/admin/users/\(bob.userID)", token: try await auth.admin(),
                json: #"{"active": false}"#)
            let strange = SessionReference(userID: ann.userID, sessionID: "none")
            let statuses = try await kernel.statuses([ann, ended, bob, strange], Self.call)
            #expect(
                statuses == [
                    ann: SessionStatus(.active, roles: [.customer], version: 1),
                    ended: SessionStatus(.ended, roles: [], version: 1),
                    bob: SessionStatus(.deactivated, roles: [], version: 2), strange: .unknown,
                ])
            #expect(try await kernel.statuses([], Self.call).isEmpty)
            // Another user's session is none of theirs.
            let stolen = SessionReference(userID: bob.userID, sessionID: ann.sessionID)
            #expect(try await kernel.statuses([stolen], Self.call) == [stolen: .unknown])
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func batchesAndTimeAreBounded(route: KernelRoute) async throws {
        try await Self.run(route) { (_, kernel) async throws in
            let ids = (0..<1_000).map { _ in UserID() }
            #expect(try await kernel.users(ids, Self.call).isEmpty)
            let sessions = ids.map { SessionReference(userID: $0, sessionID: "s") }
            #expect(try await kernel.statuses(sessions, Self.call).count == 1_000)
            await #expect(throws: AuthKernelError.self) {
                try await kernel.users(ids + [UserID()], Self.call)
            }
            await #expect(throws: AuthKernelError.self) {
                try await kernel.statuses(
                    sessions + [SessionReference(userID: UserID(), sessionID: "s")], Self.call)
            }
            let late = CallContext(requestID: "late", deadline: .now - .seconds(1))
            await #expect(throws: AuthKernelError.self) { try await kernel.users([ids[0]], late) }
            await #expect(throws: AuthKernelError.self) { try await kernel.statuses([sessions[0]], late) }
        }
    }
}
