import NIOCore

/// Stops asking an upstream that keeps failing. Closed: everything passes, failures in a row are counted. Open: nothing
/// passes. Half-open, after a while: one request may try, and the next outcome closes or opens it again.
///
/// A state machine without a clock; not for concurrent use. Outcomes that come while it is open are of requests that began
/// before, and change nothing. A try that nobody reports, as when its client goes away, holds off the next for as long as the
/// breaker stays open, no longer.
struct CircuitBreaker: Sendable {
    enum State: String, Sendable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    enum Admission: Sendable {
        case admitted
        /// Go on; the outcome decides, so it has to say something of the upstream.
        case probe
        /// Respond with 503.
        case refused
    }

    private enum Phase {
        case closed(failures: Int)
        case open(until: NIODeadline)
        /// The try counts as lost from then on.
        case trying(until: NIODeadline)
    }

    let policy: BreakerPolicy
    private let openFor: TimeAmount
    private var phase = Phase.closed(failures: 0)

    init(_ policy: BreakerPolicy) {
        self.policy = policy
        openFor = .nanoseconds(policy.openFor.wholeNanoseconds)
    }

    /// For metrics; an open one is half-open as soon as the next request would be a try.
    func state(at now: NIODeadline) -> State {
        switch phase {
        case .closed: .closed
        case .open(let until): now < until ? .open : .halfOpen
        case .trying: .halfOpen
        }
    }

    /// Whether a request may go to the upstream; if not, respond with 503 and ``retryAfter(at:)``. To be asked once per request:
    /// where the breaker is half-open, the first that asks is the probe.
    mutating func admits(at now: NIODeadline) -> Admission {
        switch phase {
        case .closed:
            return .admitted
        case .open(let until), .trying(let until):
            guard now >= until else { return .refused }
            phase = .trying(until: now + openFor)
            return .probe
        }
    }

    /// The upstream answered. True where that closes the breaker.
    mutating func noteSuccess(at now: NIODeadline) -> Bool {
        switch phase {
        case .closed(failures: 0), .open: return false
        case .closed:
            phase = .closed(failures: 0)
            return false
        case .trying:
            phase = .closed(failures: 0)
            return true
        }
    }

    /// The upstream failed. True where the breaker was closed and is open now; false where it opens again.
    mutating func noteFailure(at now: NIODeadline) -> Bool {
        switch phase {
        case .closed(let failures):
            guard failures + 1 >= policy.failures else {
                phase = .closed(failures: failures + 1)
                return false
            }
            phase = .open(until: now + openFor)
            return true
        case .trying:
            phase = .open(until: now + openFor)
            return false
        case .open: return false
        }
    }

    /// Seconds until a request may get through, at least 1.
    func retryAfter(at now: NIODeadline) -> Int64 {
        switch phase {
        case .closed: return 1
        case .open(let until), .trying(let until):
            return max((max(until - now, .zero).nanoseconds + 999_999_999) / 1_000_000_000, 1)
        }
    }
}
