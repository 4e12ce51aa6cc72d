import SoukTime

/// How long a customer whose orders end unpaid waits before the next checkout.
///
/// Orders that end unpaid hold stock for nothing and are kept for a while. Some are everybody's right: a change of mind, a card
/// that is declined. After those each doubles the wait.
struct CoolDown: Sendable, Hashable {
    /// How far back orders are looked at.
    static let period: Duration = .seconds(86_400)
    /// The longest wait.
    static let longest: Duration = .seconds(6 * 3_600)

    /// How many orders may end unpaid within the period without a wait.
    var free = 5
    /// The wait after one more; zero for none at all.
    var first: Duration = .seconds(60)

    /// How long after the last of so many orders that ended unpaid the next checkout may begin.
    func wait(after count: Int) -> Duration {
        guard count > free else { return .zero }
        return min(Self.longest, first * (1 << min(count - free - 1, 20)))
    }
}

/// The orders of a customer that ended unpaid lately.
struct UnpaidRecord: Sendable, Hashable {
    let count: Int
    /// When the last one ended; nil for none.
    let lastEndedAt: Timestamp?
}
