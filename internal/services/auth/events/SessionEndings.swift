import SoukDatabase
import SoukEvents
import SoukEventsRuntime
package import SoukGuards
import SoukIDs
import Synchronization

/// Makes known which sessions end, and which go on with an account that has changed: to other services by `session.ended.v1` and
/// `user.updated.v1`, written in the transaction that changes them, and to the guards of all processes right after its commit.
///
/// A process that dies in between leaves guards that believe what they remember; ``AccountChangeRepeater`` tells them when the
/// event comes.
package final class SessionEndings: Sendable {
    /// Why sessions end before their time, as the event says it.
    enum Reason: String, Sendable {
        case logout
        case reuse
        case passwordChanged = "password_changed"
        case deactivated
        /// A newer session took it beyond the account's limit.
        case superseded
    }

    package typealias Observer = @Sendable (AccountChange) -> Void

    private let outbox: Outbox
    private let observers = Mutex<[Observer]>([])

    init(outbox: Outbox) {
        self.outbox = outbox
    }

    /// Has `observer` called after every commit that makes what is remembered of sessions untrue. It must be quick: the
    /// response waits for it.
    package func observe(_ observer: @escaping Observer) {
        observers.withLock { $0.append(observer) }
    }

    /// Announces sessions that the transaction ends; none is fine.
    func announce(
        _ sessionIDs: [String], of userID: UserID, _ reason: Reason, in transaction: any Transaction
    ) async throws {
        guard !sessionIDs.isEmpty else { return }
        for start in stride(from: 0, to: sessionIDs.count, by: SessionEnded.maximumSessions) {
            let part = sessionIDs[start..<min(start + SessionEnded.maximumSessions, sessionIDs.count)]
            try await outbox.append(
                SessionEnded(userId: userID, sessionIds: Array(part), reason: reason.rawValue),
                in: transaction)
        }
        tell(AccountChange(userID: userID, sessionIDs: sessionIDs), after: transaction)
    }

    /// Tells the observers once the transaction is committed.
    func tell(_ change: AccountChange, after transaction: any Transaction) {
        transaction.afterCommit { [self] in tell(change) }
    }

    /// Tells the observers now. Telling them again does no harm.
    func tell(_ change: AccountChange) {
        for observer in observers.withLock({ $0 }) { observer(change) }
    }
}
