package import GRPCCore
package import SoukAuthKernel
import SoukErrors
import SoukIDs
package import SoukProto
import SoukRPCRuntime
import SwiftProtobuf

/// Serves an ``AuthKernel`` to peers in other processes.
package struct AuthKernelService: Souk_Auth_V1_AuthKernelService.SimpleServiceProtocol {
    private let kernel: any AuthKernel

    package init(kernel: any AuthKernel) {
        self.kernel = kernel
    }

    package func batchGetUsers(
        request: Souk_Auth_V1_BatchGetUsersRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_BatchGetUsersResponse {
        let ids = try UserID.batch(request.ids, field: "ids")
        let users = try await kernel.users(ids, context.call.context)
        return .with { $0.users = users.map(\.wire) }
    }

    package func batchGetSessionStandings(
        request: Souk_Auth_V1_BatchGetSessionStandingsRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_BatchGetSessionStandingsResponse {
        try MalformedMessage.checkBatch(request.sessions.count, "sessions")
        let sessions = try request.sessions.map { try SessionReference(wire: $0) }
        let statuses = try await kernel.statuses(sessions, context.call.context)
        return .with { reply in
            reply.standings = statuses.map { session, status in
                .with {
                    $0.session = session.wire
                    $0.standing = status.state.wire
                    $0.roles = status.roles.wire
                    $0.version = Int64(status.version)
                }
            }
        }
    }
}
