import SoukBroker
package import SoukCallContext
import SoukDatabase
import SoukErrors
package import SoukPagination
import SoukTime

/// The event administration of a service in this process.
package struct LocalEventAdministration: EventAdministration {
    let store: EventStore
    let broker: any Broker
    let clock: any WallClock
    let redrives: Wakeup

    package var service: String { store.service }

    package func summary(_ context: CallContext) async throws(EventAdministrationError) -> EventSummary {
        try await answer(context) {
            EventSummary(
                outboxDepth: try await store.outboxDepth(), lag: try await broker.lag(group: service),
                deadLettersByError: try await store.deadLettersByError())
        }
    }

    package func deadLetters(
        _ page: PageRequest, _ context: CallContext
    ) async throws(EventAdministrationError) -> Page<DeadLetter> {
        try await answer(context) { try await store.deadLetters(page) }
    }

    package func deadLetter(
        id: String, _ context: CallContext
    ) async throws(EventAdministrationError) -> DeadLetter? {
        try await answer(context) { try await store.deadLetter(id: id) }
    }

    package func redrive(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        let isMarked = try await answer(context) { try await store.markForRedrive(id: id) }
        if isMarked { redrives.signal() }
        return isMarked
    }

    package func redriveAll(_ context: CallContext) async throws(EventAdministrationError) -> Int {
        let count = try await answer(context) { try await store.markAllForRedrive() }
        redrives.signal()
        return count
    }

    package func discard(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        try await answer(context) {
            try await store.database.transaction { [store, clock] transaction in
                guard let letter = try await store.deadLetter(id: id, in: transaction) else { return false }
                _ = try await store.recordDeadLetterInInbox(letter.eventID, at: clock.now(), in: transaction)
                return try await store.deleteDeadLetter(id: id, in: transaction)
            }
        }
    }

    /// Runs a call within the caller's deadline; whatever fails means that there is no answer now.
    private func answer<T: Sendable>(
        _ context: CallContext, _ body: () async throws -> T
    ) async throws(EventAdministrationError) -> T {
        do {
            return try await withDeadline(context, body)
        } catch let error as any SoukError {
            throw .unavailable(error.logDescription)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
