import NIOCore
import Synchronization

/// What one client holds of what all share: connections, requests, bytes of bodies, and frames without a purpose. Slots of routes
/// and entries of their queues are counted by ``ConcurrencyGate`` with this object as the key.
///
/// Shared by all event loops; counts are atomic, so a client's part is the same however its connections are spread.
final class ClientBudget: Sendable, Hashable {
    /// Frames may come early by so much.
    static let frameBurst: Duration = .seconds(4)

    let connections = Atomic<Int>(0)
    let requests = Atomic<Int>(0)
    let bodyBytes = Atomic<Int>(0)
    /// Until when frames are paid for, as nanoseconds of `NIODeadline` (GCRA).
    private let framesPaidUntil = Atomic<UInt64>(0)

    /// Pays for HTTP/2 frames that carry no request. False when the client has sent too many; nothing is left then.
    ///
    /// - Parameter rate: frames per second.
    func spend(frames: Int, rate: Int, at now: NIODeadline) -> Bool {
        let now = now.uptimeNanoseconds
        let latest = now + Self.burstNanoseconds
        let cost = UInt64(frames) * (1_000_000_000 / UInt64(rate))
        let before = payFrames { min(max($0, now) + cost, latest) }
        return max(before, now) + cost <= latest
    }

    /// Whether a connection is worth a beginning: a sixteenth of what may come at once is left.
    func hasFrames(at now: NIODeadline) -> Bool {
        framesPaidUntil.load(ordering: .relaxed)
            <= now.uptimeNanoseconds + Self.burstNanoseconds / 16 * 15
    }

    /// Frames that we gave a reason for, such as window updates for what we sent.
    func earn(frames: Int, rate: Int) {
        let credit = UInt64(frames) * (1_000_000_000 / UInt64(rate))
        _ = payFrames { $0 > credit ? $0 - credit : 0 }
    }

    /// Until when frames were paid for before.
    private func payFrames(_ next: (UInt64) -> UInt64) -> UInt64 {
        while true {
            let paid = framesPaidUntil.load(ordering: .relaxed)
            let change = framesPaidUntil.weakCompareExchange(
                expected: paid, desired: next(paid), ordering: .relaxed)
            if change.exchanged { return paid }
        }
    }

    private static let burstNanoseconds = UInt64(frameBurst.wholeNanoseconds)

    /// Whether all frames are paid for; with no holder left nothing of it needs to be remembered then.
    func isSettled(at now: NIODeadline) -> Bool {
        framesPaidUntil.load(ordering: .relaxed) <= now.uptimeNanoseconds
    }

    static func == (one: ClientBudget, other: ClientBudget) -> Bool { one === other }

    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Who pays for a request; nil for those whom no share concerns.
struct Payers<Payer: Hashable> {
    /// The address.
    var client: Payer?
    /// Whom a verified token names.
    var account: Payer?
}

extension Atomic where Value == Int {
    /// Takes so many. False, and nothing is taken, where there would be more than the limit.
    func take(_ count: Int, of limit: Int) -> Bool {
        guard wrappingAdd(count, ordering: .relaxed).newValue > limit else { return true }
        giveBack(count)
        return false
    }

    func giveBack(_ count: Int) {
        let left = wrappingSubtract(count, ordering: .relaxed).newValue
        assert(left >= 0, "only what was taken is given back")
    }
}
