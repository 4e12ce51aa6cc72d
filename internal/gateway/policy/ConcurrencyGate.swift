/// The slots of a route and the queue for them: how many requests run at one time, in all and by payer, and whose turn is next. Not
/// for concurrent use.
///
/// A payer has at most its part of the slots and of the queue, whether others want them or not: a slow request keeps its slot for
/// as long as it likes, so what was lent couldn't be taken back.
struct ConcurrencyGate<Payer: Hashable, Waiter> {
    typealias Ticket = FairQueue<Payer?, Entrant>.Ticket

    struct Entrant {
        let payers: Payers<Payer>
        let waiter: Waiter
    }

    enum Entry: Equatable {
        /// Go on, and ``leave(_:)`` at the end.
        case admitted
        /// Wait until ``next()`` gives the waiter, or ``abandon(_:)``.
        case queued(Ticket)
        /// Respond with 503.
        case refused(Bound)
    }

    enum Bound: Equatable {
        /// All slots are taken, and the queue is full.
        case route
        /// All that one payer may have.
        case payer
    }

    private struct Usage {
        var running = 0
        var waiting = 0

        mutating func isEmpty(after change: (inout Usage) -> Void) -> Bool {
            change(&self)
            return running == 0 && waiting == 0
        }

        /// False, and nothing is taken, where it has its part already.
        mutating func takeSlot(of part: Int) -> Bool {
            guard running < part else { return false }
            running += 1
            return true
        }
    }

    private let limit: Int
    private let limitPart: Int
    private let queueLimit: Int
    private let queuePart: Int
    private var usage: [Payer: Usage] = [:]
    private var queue = FairQueue<Payer?, Entrant>()
    private(set) var running = 0

    var waiting: Int { queue.count }

    /// - Parameter loops: how many gates the policy's numbers are divided among. Rounded up, so a limit that isn't a multiple is
    ///   exceeded by at most `loops - 1`.
    init(_ policy: ConcurrencyPolicy, budgets: BudgetPolicy, loops: Int = 1) {
        limit = max((policy.limit + loops - 1) / loops, 1)
        queueLimit = (policy.queue + loops - 1) / loops
        limitPart = budgets.part(of: limit)
        queuePart = budgets.part(of: queueLimit)
    }

    mutating func enter(_ payers: Payers<Payer>, _ waiter: @autoclosure () -> Waiter) -> Entry {
        // Where a slot is free all that wait have their part of the slots already.
        if running < limit, occupy(payers) { return .admitted }
        guard queue.count < queueLimit else { return .refused(.route) }
        guard Self.has(payers, in: usage, { $0.waiting < queuePart }) else { return .refused(.payer) }
        change(payers) { $0.waiting += 1 }
        let entrant = Entrant(payers: payers, waiter: waiter())
        return .queued(queue.append(entrant, lane: payers.client))
    }

    /// A request is over: its slot is free, and ``next()`` says who gets it.
    mutating func leave(_ payers: Payers<Payer>) {
        precondition(running > 0, "who leaves has entered")
        running -= 1
        change(payers) { $0.running -= 1 }
    }

    /// Who waited and runs from now on; nil where nobody waits, or nobody may run.
    mutating func next() -> Waiter? {
        guard running < limit, !queue.isEmpty else { return nil }
        let (usage, part) = (usage, limitPart)
        let first = queue.popFirst { Self.has($0.payers, in: usage) { $0.running < part } }
        guard let entrant = first else { return nil }
        change(entrant.payers) { $0.waiting -= 1 }
        let isRunning = occupy(entrant.payers)
        assert(isRunning, "who comes out of the queue has room")
        return entrant.waiter
    }

    /// One that waited leaves without having run.
    mutating func abandon(_ ticket: Ticket) {
        guard let entrant = queue.remove(ticket) else { return }
        change(entrant.payers) { $0.waiting -= 1 }
    }

    /// Takes a slot where every payer has room for it. One look-up for each: every request comes by here.
    private mutating func occupy(_ payers: Payers<Payer>) -> Bool {
        if let client = payers.client, !usage[client, default: Usage()].takeSlot(of: limitPart) {
            return false
        }
        if let account = payers.account, !usage[account, default: Usage()].takeSlot(of: limitPart) {
            if let client = payers.client { change(client) { $0.running -= 1 } }
            return false
        }
        running += 1
        return true
    }

    /// Whether every payer has room; who isn't remembered holds nothing.
    private static func has(
        _ payers: Payers<Payer>, in usage: [Payer: Usage], _ room: (Usage) -> Bool
    ) -> Bool {
        if let client = payers.client, let usage = usage[client], !room(usage) { return false }
        if let account = payers.account, let usage = usage[account], !room(usage) { return false }
        return true
    }

    private mutating func change(_ payers: Payers<Payer>, _ body: (inout Usage) -> Void) {
        if let client = payers.client { change(client, body) }
        if let account = payers.account { change(account, body) }
    }

    /// Whoever holds nothing isn't remembered.
    private mutating func change(_ payer: Payer, _ body: (inout Usage) -> Void) {
        if usage[payer, default: Usage()].isEmpty(after: body) { usage[payer] = nil }
    }
}
