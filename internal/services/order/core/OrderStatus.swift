/// Where an order stands.
///
///     creating ──▶ awaiting_payment ──▶ paid ──▶ partially_shipped ──▶ shipped ──▶ delivered
///        │            │         │        │
///        ▼            ▼         ▼        ▼
///      failed     cancelled   cancelling ──▶ cancelled | expired
///
/// `cancelling` goes back to where it came from when the payment or a parcel was quicker.
enum OrderStatus: String, CaseIterable, Sendable, Hashable {
    /// Checkout is under way (or being undone).
    case creating
    case awaitingPayment = "awaiting_payment"
    case paid
    case partiallyShipped = "partially_shipped"
    case shipped
    case delivered
    /// A cancellation or an expiry is under way at the peers.
    case cancelling
    case cancelled
    case expired
    /// Checkout was refused and undone.
    case failed

    /// Whether the money was taken and nothing has ended the order.
    var isPaid: Bool {
        switch self {
        case .paid, .partiallyShipped, .shipped, .delivered: true
        default: false
        }
    }

    /// Whether the order ended without being fulfilled.
    var hasEnded: Bool {
        switch self {
        case .cancelled, .expired, .failed: true
        default: false
        }
    }
}

/// What happens to an order.
enum OrderTransition: Sendable, Hashable {
    /// Stock is held and the payment awaits the customer.
    case place
    /// Checkout was refused, and what it did is undone.
    case failCheckout
    /// The money was captured.
    case capture
    /// The provider declined for good.
    case failPayment
    /// The time to pay ran out, says the provider.
    case lapsePayment
    case requestCancel
    case finishCancel
    case finishExpiry
    /// A part had left already; the order is where its parts are.
    case refuseCancel(FulfilmentProgress)
    /// The parts moved on.
    case fulfil(FulfilmentProgress)
}

/// How far the parts of an order are, taken together.
enum FulfilmentProgress: Int, Sendable, Hashable, CaseIterable, Comparable {
    case nothingShipped, partiallyShipped, shipped, delivered

    /// The progress of these parts: cancelled ones don't count.
    init(of parts: [PartStatus]) {
        let standing = parts.filter { $0 != .cancelled }
        if standing.isEmpty || standing.allSatisfy({ $0 <= .accepted }) {
            self = .nothingShipped
        } else if standing.allSatisfy({ $0 == .delivered }) {
            self = .delivered
        } else if standing.allSatisfy({ $0 >= .shipped }) {
            self = .shipped
        } else {
            self = .partiallyShipped
        }
    }

    var status: OrderStatus {
        switch self {
        case .nothingShipped: .paid
        case .partiallyShipped: .partiallyShipped
        case .shipped: .shipped
        case .delivered: .delivered
        }
    }

    static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Where one store's part of an order stands, as its vendor tells it.
enum PartStatus: String, CaseIterable, Sendable, Hashable, Comparable {
    case pending, accepted
    case partiallyShipped = "partially_shipped"
    case shipped, delivered, cancelled

    private var rank: Int {
        switch self {
        case .pending: 0
        case .accepted: 1
        case .partiallyShipped: 2
        case .shipped: 3
        case .delivered: 4
        case .cancelled: 5
        }
    }

    static func < (lhs: Self, rhs: Self) -> Bool { lhs.rank < rhs.rank }
}

extension OrderStatus {
    /// The status after a transition.
    ///
    /// - Throws: ``OrderError/illegalTransition(from:_:)`` for every pair that isn't an arrow of the picture above.
    func applying(_ transition: OrderTransition) throws(OrderError) -> OrderStatus {
        switch (self, transition) {
        case (.creating, .place): return .awaitingPayment
        case (.creating, .failCheckout): return .failed
        case (.awaitingPayment, .capture), (.cancelling, .capture): return .paid
        case (.awaitingPayment, .failPayment): return .cancelled
        case (.awaitingPayment, .lapsePayment): return .expired
        case (.awaitingPayment, .requestCancel), (.paid, .requestCancel): return .cancelling
        case (.cancelling, .finishCancel): return .cancelled
        case (.cancelling, .finishExpiry): return .expired
        case (.cancelling, .refuseCancel(let progress)): return progress.status
        case (_, .fulfil(let progress)):
            guard let current = fulfilment, progress >= current else { break }
            return progress.status
        default: break
        }
        throw .illegalTransition(from: self, transition)
    }

    private var fulfilment: FulfilmentProgress? {
        FulfilmentProgress.allCases.first { $0.status == self }
    }
}
