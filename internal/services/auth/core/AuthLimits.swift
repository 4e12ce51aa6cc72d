import Crypto
import SoukIDs
import SoukText
import SoukTime

/// How often people may try.
struct AuthLimits: Sendable {
    /// Of an account from one network.
    var failuresPerAccount = ThrottleRule(scope: "login.account", limit: 10, window: .seconds(15 * 60))
    /// Of an account from everywhere, and of all devices together that signed in before.
    var failuresPerAccountOverall = ThrottleRule(
        scope: "login.account_overall", limit: 100, window: .seconds(15 * 60))
    /// Of a network, over all accounts.
    var failuresPerAddress = ThrottleRule(scope: "login.address", limit: 50, window: .seconds(15 * 60))
    /// Of an account's owner who gives the current password to change it.
    var failuresPerPasswordChange = ThrottleRule(
        scope: "password.change", limit: 10, window: .seconds(15 * 60))
    var registrationsPerAddress = ThrottleRule(
        scope: "register.address", limit: 20, window: .seconds(60 * 60))

    /// Of a network that asks for or redeems password resets.
    var resetsPerAddress = ThrottleRule(scope: "reset.address", limit: 20, window: .seconds(60 * 60))
    /// Of an account that asks for mails to an address that it claims.
    var mailsPerAccount = ThrottleRule(scope: "mail.account", limit: 5, window: .seconds(60 * 60))
    /// Mails of one purpose to one mailbox that one network asks for, in an hour.
    var mailsPerNetwork = 3
    /// Mails of one purpose to one mailbox, whoever asks for them.
    var mailsPerHour = 5
    /// The same in a day. Password resets have no such limit: it would keep an owner out until the next day.
    var mailsPerDay = 10
    /// Mails to one mailbox in a day that accounts ask for once more.
    var repeatsPerDay = 30

    /// The counters of a client's password resets.
    func resets(from client: ClientAddress) -> ThrottleKey? {
        client.isExempt ? nil : ThrottleKey(rule: resetsPerAddress, subject: client.throttleSubject)
    }

    /// The counters of a mail. Each purpose has its own, so that sign-ups by others leave nobody without a password reset.
    /// A network has fewer mails to a mailbox than the mailbox has, so none can use it up.
    ///
    /// - Parameter isRepeat: whether a signed-in account asks once more. That is counted apart from the sign-ups of others.
    func mails(
        _ purpose: MailPurpose, to email: String, from client: ClientAddress, isRepeat: Bool
    ) -> [ThrottleKey] {
        let mailbox = EmailAddress.mailbox(of: email)
        let (hour, day) = (Duration.seconds(3_600), Duration.seconds(86_400))
        func key(_ limit: Int, _ name: String, _ window: Duration, of subject: String) -> ThrottleKey {
            let rule = ThrottleRule(scope: "mail.\(purpose.rawValue).\(name)", limit: limit, window: window)
            return ThrottleKey(rule: rule, subject: Digest.sha256(subject))
        }
        var keys: [ThrottleKey] = []
        // An owner hears of a change from wherever it was asked for.
        if purpose != .changeNotice, !client.isExempt {
            keys.append(
                key(mailsPerNetwork, "network", hour, of: "\(mailbox)\nnetwork:\(client.throttleSubject)"))
        }
        if isRepeat {
            keys.append(key(repeatsPerDay, "repeat", day, of: mailbox))
        } else {
            keys.append(key(mailsPerHour, "hour", hour, of: mailbox))
            if purpose != .reset { keys.append(key(mailsPerDay, "day", day, of: mailbox)) }
        }
        return keys
    }

    /// The counters of an attempt to log in to an account, whether it exists or not; none where the client is not counted.
    ///
    /// The subjects are digests, so that the table holds no addresses of people who never signed up.
    ///
    /// - Parameter device: a device on which the account has signed in before. Who knew the password once may have the tokens of
    ///   many, so they have a limit together.
    func logins(_ email: String, from client: ClientAddress, device: KnownDevice?) -> LoginAttempt.Keys {
        guard !client.isExempt else { return LoginAttempt.Keys() }
        if let device {
            let account = Digest.sha256("devices:\(device.userID)")
            return LoginAttempt.Keys(
                own: [
                    ThrottleKey(
                        rule: failuresPerAccount, subject: Digest.sha256("\(email)\ndevice:\(device.name)"))
                ], shared: [ThrottleKey(rule: failuresPerAccountOverall, subject: account)])
        }
        let network = Digest.sha256("\(email)\nnetwork:\(client.throttleSubject)")
        return LoginAttempt.Keys(
            own: [ThrottleKey(rule: failuresPerAccount, subject: network)],
            shared: [
                ThrottleKey(rule: failuresPerAccountOverall, subject: Digest.sha256(email)),
                ThrottleKey(rule: failuresPerAddress, subject: client.throttleSubject),
            ])
    }

    /// The counter of a signed-in user who gives the current password.
    func passwordChange(of userID: UserID, from client: ClientAddress) -> ThrottleKey? {
        client.isExempt
            ? nil : ThrottleKey(rule: failuresPerPasswordChange, subject: userID.description)
    }

    /// The counter of a client's registrations.
    func registrations(from client: ClientAddress) -> ThrottleKey? {
        client.isExempt ? nil : ThrottleKey(rule: registrationsPerAddress, subject: client.throttleSubject)
    }
}

/// Where a request comes from.
struct ClientAddress: Sendable, Hashable {
    /// The address as logs show it.
    let text: String
    /// What is counted: an address, or a range of them that one client has.
    let throttleSubject: String
    /// Whether the operator told us not to count it: a load generator, an office's own range.
    let isExempt: Bool

    init(_ text: String, throttleSubject: String? = nil, isExempt: Bool = false) {
        self.text = text
        self.throttleSubject = throttleSubject ?? text
        self.isExempt = isExempt
    }
}

enum Digest {
    /// SHA-256 in lower-case hexadecimal.
    static func sha256(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).hex
    }
}
