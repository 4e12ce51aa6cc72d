package import GRPCCore
package import SoukAuthKernel
package import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf
import SoukText

extension RPCService {
    /// The public authentication API for everybody: sign-up, log-in, refresh, log-out.
    package static func users(_ accounts: any AccountKernel) -> RPCService {
        RPCService(UserService(accounts: accounts), access: .open)
    }
}

/// Serves sign-up and sessions. Attempts are counted for the address of the connection's other end.
package struct UserService: Souk_Auth_V1_UserService.SimpleServiceProtocol {
    private let accounts: any AccountKernel

    package init(accounts: any AccountKernel) {
        self.accounts = accounts
    }

    package func createUser(
        request: Souk_Auth_V1_CreateUserRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_CreateUserResponse {
        let grant = try await accounts.create(
            email: request.email, password: request.password, name: request.name, from: context.clientAddress,
            context.call.context)
        return .with {
            $0.user = grant.user.wire
            $0.grant = grant.wire
            $0.deviceToken = grant.deviceToken ?? ""
        }
    }

    package func loginUser(
        request: Souk_Auth_V1_LoginUserRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_LoginUserResponse {
        let grant = try await accounts.logIn(
            email: request.email, password: request.password,
            deviceToken: request.deviceToken.isEmpty ? nil : request.deviceToken,
            from: context.clientAddress, context.call.context)
        return .with {
            $0.user = grant.user.wire
            $0.grant = grant.wire
            $0.deviceToken = grant.deviceToken ?? ""
        }
    }

    package func refreshAccessToken(
        request: Souk_Auth_V1_RefreshAccessTokenRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_RefreshAccessTokenResponse {
        let grant = try await accounts.refresh(
            request.refreshToken, from: context.clientAddress, context.call.context)
        return .with {
            $0.user = grant.user.wire
            $0.grant = grant.wire
        }
    }

    package func logOutUser(
        request: Souk_Auth_V1_LogOutUserRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_LogOutUserResponse {
        try await accounts.logOut(request.refreshToken, from: context.clientAddress, context.call.context)
        return Souk_Auth_V1_LogOutUserResponse()
    }
}

extension ServerContext {
    /// The address of the connection's other end without its port: `ipv4:192.0.2.1:1234` → `192.0.2.1`. Whatever is no
    /// address, as of a transport in the process, as it is.
    var clientAddress: String {
        if let address = remotePeer.withoutPrefix(bytes: "ipv4:") {
            return String(address.prefix(beforeByte: ":"))
        }
        if let (address, _) = remotePeer.withoutPrefix(bytes: "ipv6:[")?.split(atLast: "]") {
            // A zone belongs to this machine and not to the client.
            return String(address.prefix(beforeByte: "%"))
        }
        return remotePeer
    }
}
