package import GRPCCore
package import SoukAuthKernel
import SoukErrors
import SoukIdentifiers
import SoukIDs
package import SoukProto
import SoukRPCRuntime
import SwiftProtobuf

/// Serves an ``AccountMailKernel`` to the notification service in another process.
package struct AccountMailService: Souk_Auth_V1_AccountMailService.SimpleServiceProtocol {
    private let kernel: any AccountMailKernel

    package init(kernel: any AccountMailKernel) {
        self.kernel = kernel
    }

    package func getAccountMail(
        request: Souk_Auth_V1_GetAccountMailRequest, context: ServerContext
    ) async throws -> Souk_Auth_V1_GetAccountMailResponse {
        let id = try MailRequestID(request.requestID, field: "request_id")
        let mail = try await kernel.mail(for: id, context.call.context)
        return .with { if let mail { $0.mail = mail.wire } }
    }
}
