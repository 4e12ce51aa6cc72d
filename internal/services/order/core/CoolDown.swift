import SoukTime

/// How long a customer whose orders end unpaid waits before the next checkout.
///
/// Orders that end unpaid hold stock for nothing and are kept for a while. Some are everybody's right: a change of mind, a card
/// that is declined. After those each doubles the wait. Checkouts that were refused, mostly for lack of stock, have kept nothing from
/// anybody and count apart, with many more that are free.
struct CoolDown: Sendable, Hashable {
    /// How far back orders are looked at.
    static let period: Duration = .seconds(86_400)
    /// The longest wait.
    static let longest: Duration = .seconds(6 * 3_600)

    /// How many orders may end unpaid within the period without a wait.
    var free = 5
    /// How many checkouts may be refused within the period without a wait.
    var freeRefusals = 50
    /// The wait after one more; zero for none at all.
    var first: Duration = .seconds(60)

    /// Which orders keep the customer waiting for longest, and until when; nil where none does.
    func wait(after record: UnpaidRecord) -> (count: Int, end: Timestamp)? {
        [end(of: record.held, free: free), end(of: record.refused, free: freeRefusals)]
            .compactMap(\.self).max { $0.end < $1.end }
    }

    private func end(of orders: UnpaidRecord.Orders, free: Int) -> (count: Int, end: Timestamp)? {
        orders.lastEndedAt.map { (orders.count, $0 + wait(after: orders.count, free: free)) }
    }

    /// How long after the last of so many orders that ended unpaid the next checkout may begin.
    func wait(after count: Int, free: Int) -> Duration {
        guard count > free else { return .zero }
        return min(Self.longest, first * (1 << min(count - free - 1, 20)))
    }
}

/// The orders of a customer that ended unpaid lately.
struct UnpaidRecord: Sendable, Hashable {
    struct Orders: Sendable, Hashable {
        let count: Int
        /// When the last one ended; nil for none.
        let lastEndedAt: Timestamp?
    }

    /// Those that held stock and waited for a payment.
    let held: Orders
    /// Checkouts that were refused.
    let refused: Orders
}
