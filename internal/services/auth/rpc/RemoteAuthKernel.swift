package import GRPCCore
package import SoukAuthKernel
package import SoukCallContext
import SoukErrors
package import SoukIDs
import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

/// The auth service in another process. Every call may be repeated, so all are retried.
package struct RemoteAuthKernel<Transport: ClientTransport>: AuthKernel {
    private typealias Service = Souk_Auth_V1_AuthKernelService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary]
    {
        if let complaint = KernelBatch.complaint(ids.count, "users") { throw .unavailable(complaint) }
        guard !ids.isEmpty else { return [] }
        return try await ask(Service.Method.BatchGetUsers.descriptor, context) { client, options in
            let reply = try await client.batchGetUsers(
                .with { $0.ids = ids.map(\.description) }, options: options)
            return try reply.users.map { try UserSummary(wire: $0) }
        }
    }

    package func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus] {
        if let complaint = KernelBatch.complaint(sessions.count, "sessions") { throw .unavailable(complaint) }
        guard !sessions.isEmpty else { return [:] }
        return try await ask(Service.Method.BatchGetSessionStandings.descriptor, context) { client, options in
            let reply = try await client.batchGetSessionStandings(
                .with { $0.sessions = sessions.map(\.wire) }, options: options)
            var statuses: [SessionReference: SessionStatus] = [:]
            for entry in reply.standings {
                statuses[try SessionReference(wire: entry.session)] = try SessionStatus(wire: entry)
            }
            // Each session has a status; a guard must not take a gap for one.
            guard sessions.allSatisfy({ statuses[$0] != nil }) else {
                throw MalformedMessage("standings")
            }
            return statuses
        }
    }

    private func ask<Answer: Sendable>(
        _ method: MethodDescriptor, _ context: CallContext,
        _ body: @escaping @Sendable (Service.Client<Transport>, CallOptions) async throws -> Answer
    ) async throws(AuthKernelError) -> Answer {
        do {
            return try await peer.call(method, context, idempotent: true) { client, options in
                try await body(Service.Client(wrapping: client), options)
            }
        } catch {
            throw .unavailable(error.logDescription)
        }
    }
}
