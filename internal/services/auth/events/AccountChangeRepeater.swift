import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukGuards

/// Tells the guards once more what they were told after the commit, in case the process died before it could.
struct AccountChangeRepeater: Sendable {
    let endings: SessionEndings

    // Nothing is written, so there is nothing that a rollback would have to undo.
    static let events: EventHandlerTable<Self> = [
        .on(SessionEnded.self, isolation: .readCommitted, sharesTransaction: true) { repeater, event, _, _ in
            repeater.endings.tell(AccountChange(userID: event.userId, sessionIDs: event.sessionIds))
        },
        .on(UserUpdated.self, isolation: .readCommitted, sharesTransaction: true) { repeater, event, _, _ in
            guard let sessions = event.sessionIds, !sessions.isEmpty else { return }
            repeater.endings.tell(
                AccountChange(userID: event.userId, sessionIDs: sessions, version: event.version))
        },
    ]
}
