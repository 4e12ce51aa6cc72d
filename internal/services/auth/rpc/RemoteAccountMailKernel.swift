package import GRPCCore
package import SoukAuthKernel
package import SoukCallContext
import SoukErrors
package import SoukIdentifiers
import SoukIDs
import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

/// The auth service in another process, as the notification service sees it. A call that may have been carried out is not
/// repeated: its token would end the one of the response.
package struct RemoteAccountMailKernel<Transport: ClientTransport>: AccountMailKernel {
    private typealias Service = Souk_Auth_V1_AccountMailService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package func mail(
        for request: MailRequestID, _ context: CallContext
    ) async throws(AuthKernelError) -> AccountMail? {
        do {
            return try await peer.call(
                Service.Method.GetAccountMail.descriptor, context, idempotent: false
            ) { client, options in
                let reply = try await Service.Client(wrapping: client).getAccountMail(
                    .with { $0.requestID = request.description }, options: options)
                return reply.hasMail ? try AccountMail(wire: reply.mail) : nil
            }
        } catch {
            throw .unavailable(error.logDescription)
        }
    }
}
