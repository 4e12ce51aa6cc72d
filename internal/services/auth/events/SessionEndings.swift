import SoukDatabase
import SoukEvents
import SoukEventsRuntime
package import SoukIDs
import Synchronization

/// Makes known which sessions end: to everybody by `session.ended.v1`, written in the transaction that ends them, and
/// to this process right after its commit. Sessions whose account changes go on, but what is remembered of them is to be
/// forgotten as well: by this process right after the commit, by the others with `user.updated.v1`.
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

    package typealias Observer = @Sendable (_ userID: UserID, _ sessionIDs: [String]) -> Void

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
        forget(sessionIDs, of: userID, in: transaction)
    }

    /// Has this process forget what it remembers of the sessions, once the transaction is committed.
    func forget(_ sessionIDs: [String], of userID: UserID, in transaction: any Transaction) {
        guard !sessionIDs.isEmpty else { return }
        transaction.afterCommit { [self] in
            for observer in observers.withLock({ $0 }) { observer(userID, sessionIDs) }
        }
    }
}
