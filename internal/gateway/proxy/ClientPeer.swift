import NIOCore
import SoukText

/// What is known of a client's connection before it says anything.
final class ClientPeer {
    /// The address of the socket's other end, as text; `unknown` where there is none.
    let address: String
    /// Whether what it says of those behind it is believed.
    let isTrusted: Bool
    let isTLS: Bool
    /// What limits count this client by: its address, or its /64 of IPv6.
    let rateKey: RateKey
    let isExempt: Bool
    /// nil for somebody whom no part of anything concerns.
    let budget: ClientBudget?
    /// Whether requests that were refused cost more frames than its budget had. Its connection ends with the next bytes that come.
    var isOverdrawn = false
    /// Whom the last request's token named: those that follow on a connection mostly name the same.
    private var lastAccount: (key: RateKey, budget: ClientBudget)?
    /// Field lines that tell a service who asks, for the usual case that nobody trusted stands between.
    let forwarded: ByteBuffer

    init(_ remote: SocketAddress?, isTLS: Bool, policy: CompiledPolicy, budgets: ClientBudgets) {
        address = remote?.ipAddress ?? "unknown"
        self.isTLS = isTLS
        isTrusted = policy.trusts(address)
        rateKey = RateKey(address: address)
        isExempt = policy.exempts(address)
        budget = isExempt ? nil : budgets.budget(of: rateKey, at: .now())
        forwarded = Self.lines(for: address, scheme: isTLS ? "https" : "http")
    }

    /// The account's budget.
    func budget(of account: RateKey, in budgets: ClientBudgets, at now: NIODeadline) -> ClientBudget {
        if let lastAccount, lastAccount.key == account { return lastAccount.budget }
        let budget = budgets.budget(of: account, at: now)
        lastAccount = (account, budget)
        return budget
    }

    /// Who pays for connections, and for HTTP/2 frames without a request: a proxy's are not its clients'.
    var connectionBudget: ClientBudget? { isTrusted ? nil : budget }

    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `Forwarded` (RFC 7239) and `Via` (RFC 9110, section 7.6.3).
    static func lines(for address: String, scheme: String) -> ByteBuffer {
        let node = address.contains(byte: ":") ? "\"[\(address)]\"" : address
        return ByteBuffer(
            string: "X-Forwarded-For: \(address)\r\nX-Forwarded-Proto: \(scheme)\r\n"
                + "Forwarded: for=\(node);proto=\(scheme)\r\nVia: 1.1 souk\r\n")
    }
}
