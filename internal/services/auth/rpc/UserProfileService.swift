package import GRPCCore
package import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukPagination
package import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

extension RPCService {
    /// The public API over accounts, for users with an access token.
    package static func userProfiles(_ accounts: any AccountKernel) -> RPCService {
        RPCService(UserProfileService(accounts: accounts), access: .user)
    }
}

/// Serves accounts: to each their own, to admins all.
package struct UserProfileService: Souk_Auth_V1_UserProfileService.SimpleServiceProtocol {
    private let accounts: any AccountKernel

    package init(accounts: any AccountKernel) {
        self.accounts = accounts
    }

    package func getUser(
        request: Souk_Auth_V1_GetUserRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_GetUserResponse {
        let id = request.id.isEmpty ? nil : try UserID(request.id, field: "id")
        let user = try await accounts.user(id, context.call.context)
        return .with { $0.user = user.wire }
    }

    package func listUsers(
        request: Souk_Auth_V1_ListUsersRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_ListUsersResponse {
        let page = try PageRequest(
            page: request.hasPage ? Int(request.page) : 1,
            size: request.hasSize ? Int(request.size) : PageRequest.defaultSize)
        let role: Role?
        switch request.role {
        case .unspecified: role = nil
        default:
            guard let known = Role(wire: request.role) else {
                throw MalformedMessage("role")
            }
            role = known
        }
        let users = try await accounts.users(
            AccountFilter(text: request.query.isEmpty ? nil : request.query, role: role), page,
            context.call.context)
        return .with {
            $0.users = users.items.map(\.wire)
            $0.totalCount = Int64(users.totalCount)
            $0.totalPages = Int64(users.totalPages)
            // They came as 32 bits.
            $0.page = Int32(users.request.page)
            $0.size = Int32(users.request.size)
            $0.hasMore_p = users.hasMore
        }
    }
}

extension AccountUser {
    var wire: Souk_Auth_V1_User {
        .with {
            $0.id = id.description
            $0.email = email
            $0.emailVerified = isEmailVerified
            $0.name = name
            $0.roles = roles.wire
            $0.active = isActive
            $0.version = Int64(version)
            $0.createdAt = .init(createdAt)
            $0.updatedAt = .init(updatedAt)
        }
    }
}

extension AccountGrant {
    var wire: Souk_Auth_V1_TokenGrant {
        .with {
            $0.accessToken = accessToken
            $0.refreshToken = refreshToken
            $0.tokenType = "Bearer"
            $0.expiresIn = expiresIn.components.seconds
        }
    }
}
