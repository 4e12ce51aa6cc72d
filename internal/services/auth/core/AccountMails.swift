import SoukIDs
import SoukIdentifiers
import SoukTime

/// Asks for mails about accounts, within the limits of the mailboxes that they go to.
struct AccountMails: Sendable {
    /// How long tokens are good.
    struct Lifetimes: Sendable {
        var verification: Duration = .seconds(24 * 3_600)
        var reset: Duration = .seconds(30 * 60)
    }

    let requests: any MailRequestStore
    let throttles: any ThrottleStore
    let limits: AuthLimits
    let lifetimes: Lifetimes
    let clock: any WallClock
    let audit: AuditLog

    /// A request that counts against its mailbox. Beyond the limits it is one whose mail is not sent: who asks gets to know
    /// nothing of that, for others may have asked before.
    ///
    /// - Parameter isRepeat: whether the user, who is signed in, asks once more.
    func request(
        _ purpose: MailPurpose, of userID: UserID?, to email: String, from client: ClientAddress,
        isRepeat: Bool = false
    ) async throws -> MailRequest {
        let now = clock.now()
        let refusal = try await throttles.take(
            limits.mails(purpose, to: email, from: client, isRepeat: isRepeat), at: now)
        if let refusal {
            audit.record("mail.withheld", user: userID, ["by": refusal.key.rule.scope])
        }
        return MailRequest(
            id: MailRequestID(), purpose: purpose, userID: userID, email: email, createdAt: now,
            expiresAt: now + lifetime(purpose), isSent: refusal == nil)
    }

    /// Makes a request and keeps it, together with its notice to another address where there is one.
    func send(
        _ purpose: MailPurpose, of userID: UserID?, to email: String, from client: ClientAddress,
        isRepeat: Bool = false, noticeTo present: String? = nil
    ) async throws {
        var wanted = [try await request(purpose, of: userID, to: email, from: client, isRepeat: isRepeat)]
        if let present {
            wanted.append(try await request(.changeNotice, of: userID, to: present, from: client))
        }
        try await requests.add(wanted)
    }

    private func lifetime(_ purpose: MailPurpose) -> Duration {
        switch purpose {
        case .claim, .changeNotice: lifetimes.verification
        case .reset: lifetimes.reset
        }
    }
}
