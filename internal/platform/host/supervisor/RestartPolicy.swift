import Glibc

/// Decides what follows the end of a supervised process. No clock, no process: values in, values out.
///
/// A process that ended by a signal is started again: at once, unless it ended soon after its start several times in a row.
/// One that exited has said all there is to say, and ends the supervisor with its status.
package struct RestartPolicy: Sendable {
    /// How a process ended.
    package enum End: Sendable, Hashable {
        /// By itself, with this status.
        case exited(Int32)
        /// By this signal.
        case signalled(Int32)
    }

    /// What to do.
    package enum Decision: Sendable, Hashable {
        case finish(status: Int32)
        case restart(after: Duration)
    }

    /// A process that ran this long is no crash loop.
    static let healthyAfter: Duration = .milliseconds(500)
    static let firstDelay: Duration = .milliseconds(100)
    static let longestDelay: Duration = .seconds(5)
    /// Signals that ask a process to end; one that ends by them did as it was asked.
    static let requests: Set<Int32> = [SIGINT, SIGQUIT, SIGTERM]

    /// Ends in a row that came too soon.
    private var early = 0

    package init() {}

    /// - Parameters:
    ///   - runtime: from its start to its end.
    ///   - isStopping: whether the supervisor was asked to end.
    package mutating func decide(_ end: End, after runtime: Duration, isStopping: Bool) -> Decision {
        switch end {
        case .exited(let status):
            return .finish(status: status)
        case .signalled(let signal) where isStopping || Self.requests.contains(signal):
            return .finish(status: 128 + signal)
        case .signalled:
            early = runtime < Self.healthyAfter ? early + 1 : 0
            guard early > 1 else { return .restart(after: .zero) }
            return .restart(after: min(Self.firstDelay * (1 << min(early - 2, 10)), Self.longestDelay))
        }
    }
}
