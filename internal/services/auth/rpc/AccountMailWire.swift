import SoukAuthKernel
import SoukErrors
import SoukProto
import SoukRPCRuntime
import SoukTime
import SwiftProtobuf

extension AccountMail {
    init(wire: Souk_Auth_V1_AccountMail) throws(MalformedMessage) {
        guard !wire.address.isEmpty else { throw MalformedMessage("address") }
        func token() throws(MalformedMessage) -> MailToken {
            guard !wire.token.isEmpty else { throw MalformedMessage("token") }
            return MailToken(wire.token)
        }
        func expiry() throws(MalformedMessage) -> Timestamp {
            guard wire.hasExpiresAt else { throw MalformedMessage("expires_at") }
            return try wire.expiresAt.timestamp("expires_at")
        }
        let content: Content =
            switch wire.kind {
            case .verification: .verification(try token(), expiresAt: try expiry())
            case .addressInUse: .addressInUse
            case .changeRequested: .changeRequested
            case .passwordReset: .passwordReset(try token(), expiresAt: try expiry())
            case .unspecified, .UNRECOGNIZED: throw MalformedMessage("kind")
            }
        self.init(address: wire.address, content: content)
    }

    var wire: Souk_Auth_V1_AccountMail {
        .with {
            $0.address = address
            switch content {
            case .verification(let token, let expiresAt):
                $0.kind = .verification
                $0.token = token.reveal()
                $0.expiresAt = .init(expiresAt)
            case .addressInUse: $0.kind = .addressInUse
            case .changeRequested: $0.kind = .changeRequested
            case .passwordReset(let token, let expiresAt):
                $0.kind = .passwordReset
                $0.token = token.reveal()
                $0.expiresAt = .init(expiresAt)
            }
        }
    }
}
