import Crypto
import SoukTime

/// How often people may try.
struct AuthLimits: Sendable {
    var failuresPerAccount = ThrottleRule(scope: "login.account", limit: 10, window: .seconds(15 * 60))
    var failuresPerAddress = ThrottleRule(scope: "login.address", limit: 50, window: .seconds(15 * 60))
    var registrationsPerAddress = ThrottleRule(
        scope: "register.address", limit: 20, window: .seconds(60 * 60))

    /// The counter of an account, whether it exists or not; nil where the client is not counted.
    ///
    /// The subject is a digest, so that the table holds no addresses of people who never signed up.
    func account(_ email: String, from client: ClientAddress) -> ThrottleKey? {
        client.isExempt ? nil : ThrottleKey(rule: failuresPerAccount, subject: Digest.sha256(email))
    }

    /// The counter of a client's failed logins.
    func logins(from client: ClientAddress) -> ThrottleKey? {
        client.isExempt ? nil : ThrottleKey(rule: failuresPerAddress, subject: client.throttleSubject)
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
        let digits = Array("0123456789abcdef")
        return String(
            SHA256.hash(data: Array(text.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
