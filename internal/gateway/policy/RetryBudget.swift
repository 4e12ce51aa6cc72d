import NIOCore

/// How many requests may be repeated: a share of those of the last ten seconds, and a few in any case. Without it, repetitions
/// would multiply the load of an upstream just when it fails.
///
/// Counts whole seconds in a ring, so a second leaves all at once. Not for concurrent use.
struct RetryBudget: Sendable {
    static let seconds = 10

    private struct Second: Sendable {
        var requests: Int64 = 0
        var retries: Int64 = 0
    }

    private let percent: Int64
    private let floor: Int64
    private var ring: InlineArray<10, Second> = .init(repeating: Second())
    private var total = Second()
    private var current: Int64 = 0

    init(_ policy: RetryPolicy) {
        percent = Int64(policy.budgetPercent)
        floor = Int64(policy.budgetFloor) * Int64(Self.seconds)
    }

    /// A request begins.
    mutating func noteRequest(at now: NIODeadline) {
        turn(to: now)
        ring[Int(current % 10)].requests += 1
        total.requests += 1
    }

    /// Takes a repetition from the budget; false where there is none left.
    mutating func spend(at now: NIODeadline) -> Bool {
        turn(to: now)
        guard total.retries < total.requests * percent / 100 + floor else { return false }
        ring[Int(current % 10)].retries += 1
        total.retries += 1
        return true
    }

    /// Forgets the seconds that are past; a clock that is late changes nothing.
    private mutating func turn(to now: NIODeadline) {
        let second = Int64(clamping: now.uptimeNanoseconds / 1_000_000_000)
        guard second > current else { return }
        if second - current >= Int64(Self.seconds) {
            ring = .init(repeating: Second())
            total = Second()
        } else {
            for past in current + 1...second {
                let index = Int(past % 10)
                total.requests -= ring[index].requests
                total.retries -= ring[index].retries
                ring[index] = Second()
            }
        }
        current = second
    }
}
