package import SoukCallContext
package import SoukIdentifiers
package import SoukTime

/// What the auth service offers the notification service: the content of mails about accounts, at the moment they are sent.
///
/// It hands out secrets, so nobody else may call it.
package protocol AccountMailKernel: Sendable {
    /// What is to be sent for a request; nil where nothing is any more: it is unknown, expired or settled, or of an account that
    /// has been deactivated.
    ///
    /// Each call makes a new token where the mail has one, and the token of the call before ends.
    ///
    /// - Throws: ``AuthKernelError/unavailable(_:)``.
    func mail(for request: MailRequestID, _ context: CallContext) async throws(AuthKernelError)
        -> AccountMail?
}

/// A mail about an account. None of it but the address was chosen by the person who asked for it.
package struct AccountMail: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        /// Redeeming the token, signed in to the account, shows that the address is the user's.
        case verification(MailToken, expiresAt: Timestamp)
        /// Somebody claims the address, which is a verified account's.
        case addressInUse
        /// The account's owner, or somebody with the password, wants another address.
        case changeRequested
        /// Redeeming the token gives the account a new password.
        case passwordReset(MailToken, expiresAt: Timestamp)
    }

    /// Where it goes, and nowhere else.
    package let address: String
    package let content: Content

    package init(address: String, content: Content) {
        self.address = address
        self.content = content
    }
}

/// A secret that goes to a mailbox. It describes itself without what it is, so that no log has it.
package struct MailToken: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    private let secret: String

    package init(_ secret: String) {
        self.secret = secret
    }

    /// The token itself.
    package func reveal() -> String { secret }

    package var description: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
