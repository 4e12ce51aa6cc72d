import Foundation
import Synchronization
import SoukText

/// A place where a test may have the process killed, to see that what is half done is finished or undone at
/// the next start.
///
/// `SOUK_CRASH_POINT=name:nth` arms one of them: the process sends itself SIGKILL when it comes there for the
/// nth time (the first, without `:nth`). Unarmed, which is every process outside such tests, a hit is one
/// comparison.
package struct CrashPoint: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name, dotted: `relay.after_publish`.
    package let description: String

    package init(stringLiteral name: String) {
        description = name
    }

    /// An event was written to the outbox; its transaction is still open.
    package static let outboxBeforeCommit: CrashPoint = "outbox.before_commit"
    /// The relay has read committed events and has not published them.
    package static let outboxAfterCommit: CrashPoint = "outbox.after_commit"
    /// The broker has confirmed events that are still in the outbox.
    package static let relayAfterPublish: CrashPoint = "relay.after_publish"
    /// A handler has done its work; its transaction is still open.
    package static let consumerBeforeCommit: CrashPoint = "consumer.before_commit"
    /// A handler's work is committed; its message is not acknowledged.
    package static let consumerAfterHandler: CrashPoint = "consumer.after_handler"

    /// Those of the events runtime, in the order in which an event passes them.
    package static let eventPoints: [CrashPoint] = [
        .outboxBeforeCommit, .outboxAfterCommit, .relayAfterPublish, .consumerBeforeCommit,
        .consumerAfterHandler,
    ]

    /// Ends the process here and now if this point is armed and its turn has come.
    package static func hit(_ point: CrashPoint) {
        guard let armed, armed.point == point else { return }
        guard armed.hits.add(1, ordering: .relaxed).newValue == armed.turn else { return }
        kill(getpid(), SIGKILL)
    }

    private final class Armed: Sendable {
        let point: CrashPoint
        let turn: Int
        let hits = Atomic(0)

        init(point: CrashPoint, turn: Int) {
            self.point = point
            self.turn = turn
        }
    }

    private static let armed: Armed? = ProcessInfo.processInfo.environment["SOUK_CRASH_POINT"].flatMap(parse)
        .map { Armed(point: $0.point, turn: $0.turn) }

    /// Reads `name` or `name:nth`; nil for an empty name or a turn that is not a whole number from 1.
    static func parse(_ text: String) -> (point: CrashPoint, turn: Int)? {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty, parts.count <= 2 else { return nil }
        let turn = parts.count == 2 ? Int(parts[1]) : 1
        guard let turn, turn > 0 else { return nil }
        return (CrashPoint(stringLiteral: String(name)), turn)
    }
}
