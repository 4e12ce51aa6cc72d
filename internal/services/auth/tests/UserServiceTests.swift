import GRPCCore
import GRPCInProcessTransport
import SoukAuthRPC
import SoukHTTPTesting
import SoukProto
import SoukRPCRuntime
import SoukRPCTesting
import SwiftProtobuf
import Testing

@testable import SoukAuth

/// Sign-up and log-in over gRPC.
@Suite struct UserServiceTests {
    private static let ann = "ann@example.com"

    private typealias Users = Souk_Auth_V1_UserService.Client<InProcessTransport.Client>

    private static func serve(_ auth: AuthFixture, _ body: (Users) async throws -> Void) async throws {
        let transport = InProcessTransport()
        let server = RPCServer(
            transport: transport.server, services: [.users(auth.service.accounts)], identities: nil)
        let peer = RPCPeer(name: "auth", transport: transport.client, identity: nil)
        try await KernelRoute.running([server, peer]) { try await body(Users(wrapping: peer.client)) }
    }

    private static func logIn(
        _ users: Users, _ deviceToken: String = ""
    ) async throws -> Souk_Auth_V1_LoginUserResponse {
        try await users.loginUser(
            .with {
                $0.email = ann
                $0.password = AuthFixture.password
                $0.deviceToken = deviceToken
            })
    }

    @Test func aDeviceThatSignedInBeforeIsNotLockedOut() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL": "10"])
        try await Self.serve(auth) { users in
            let signUp = try await users.createUser(
                .with {
                    $0.email = Self.ann
                    $0.password = AuthFixture.password
                    $0.name = "Ann"
                })
            let logIn = try await Self.logIn(users)
            #expect(Set([signUp.deviceToken, logIn.deviceToken, ""]).count == 3)
            for network in 1...10 {
                let guess = try await auth.logIn(Self.ann, "wrong password", from: "198.51.100.\(network)")
                #expect(guess.status == 401)
            }
            for token in ["", "x"] {
                let refusal = await #expect(throws: RPCError.self) { try await Self.logIn(users, token) }
                #expect(refusal?.code == .resourceExhausted)
            }
            for token in [signUp.deviceToken, logIn.deviceToken] {
                #expect(try await Self.logIn(users, token).user.email == Self.ann)
            }
            // Devices are the same over HTTP.
            let http = try await auth.post(
                "/api/v1/auth/login",
                #"{"email": "\#(Self.ann)", "password": "\#(AuthFixture.password)", "device_token": "\#(logIn.deviceToken)"}"#
            )
            #expect(http.status == 200)
        }
    }
}
