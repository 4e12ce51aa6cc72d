import SoukAuthKernel
import SoukIDs
import SoukIdentifiers
import SoukTime

/// What a mail about an account is for.
enum MailPurpose: String, Sendable, CaseIterable {
    /// A user says that an address is theirs: its mailbox gets the means to show it.
    case claim
    /// Whoever has the verified address hears that the account is to have another one.
    case changeNotice = "change_notice"
    /// Somebody forgot the password of the account that has verified an address, if there is one.
    case reset
}

/// A mail that was asked for. Everything about it is decided when it is sent, so that asking takes the same steps whether
/// the address is known or not.
struct MailRequest: Sendable, Hashable {
    let id: MailRequestID
    let purpose: MailPurpose
    /// Whose address it is to be; nil where it goes to whoever has verified it.
    let userID: UserID?
    /// Normalised, see ``EmailAddress``.
    let email: String
    let createdAt: Timestamp
    /// When what the mail offers ends.
    let expiresAt: Timestamp
    /// False beyond the limits of the address: the request is kept, and no mail is sent.
    let isSent: Bool
}

/// Where requests for mails are kept, and the SHA-256 of the tokens in them. Each call is one transaction.
protocol MailRequestStore: Sendable {
    /// Keeps requests and has their mails sent; all of them or none.
    func add(_ requests: [MailRequest]) async throws

    /// What the mail says, with `token` where it has one; nil where there is nothing to send any more.
    ///
    /// The token takes the place of the request's earlier one; beyond ``liveTokens`` of one account and purpose the oldest end.
    func mail(for request: MailRequestID, token: MailToken, at now: Timestamp) async throws -> AccountMail?

    /// The address of the user's newest claim that has not been settled or expired.
    func claimedAddress(of userID: UserID, at now: Timestamp) async throws -> String?

    /// Settles a claim: the address is the user's from now on. Of many calls with one token one gets through.
    ///
    /// - Throws: ``AuthError/mailTokenInvalid``, ``AuthError/addressInUse``, ``AuthError/accountInactive``.
    func verify(_ token: String, by userID: UserID, at now: Timestamp) async throws -> User

    /// Whose password the token resets.
    ///
    /// - Throws: ``AuthError/mailTokenInvalid``.
    func user(ofReset token: String, at now: Timestamp) async throws -> User

    /// Gives the account a new password and ends all its sessions. Of many calls with one token one gets through.
    ///
    /// - Throws: ``AuthError/mailTokenInvalid``.
    func reset(_ token: String, passwordHash: String, at now: Timestamp) async throws -> User

    /// Removes what has expired.
    func purge(at now: Timestamp) async throws
}

extension MailRequestStore {
    /// Tokens of one account and purpose that are good at one time.
    static var liveTokens: Int { 5 }
}
