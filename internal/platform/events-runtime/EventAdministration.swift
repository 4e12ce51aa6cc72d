import SoukBroker
import SoukDatabase
package import SoukPagination
import SoukTime

/// What an operator sees and does about a service's events.
package struct EventAdministration: Sendable {
    let store: EventStore
    let broker: any Broker
    let clock: any WallClock
    let redrives: Wakeup

    /// The service that publishes and consumes.
    package var service: String { store.service }

    /// Events that are committed and not published.
    ///
    /// - Throws: `DatabaseError`.
    package func outboxDepth() async throws -> Int {
        try await store.outboxDepth()
    }

    /// By topic, the messages that the service has not processed; empty for a service that consumes nothing.
    ///
    /// - Throws: `BrokerError`.
    package func lag() async throws -> [String: Int] {
        try await broker.lag(group: service)
    }

    /// Newest first.
    ///
    /// - Throws: `DatabaseError`.
    package func deadLetters(_ page: PageRequest) async throws -> Page<DeadLetter> {
        try await store.deadLetters(page)
    }

    /// Nil when there is none with this id (any more).
    ///
    /// - Throws: `DatabaseError`.
    package func deadLetter(id: String) async throws -> DeadLetter? {
        try await store.deadLetter(id: id)
    }

    /// Has the running consumer process a dead letter again, with the same event id, once; it is gone when
    /// that succeeded, and otherwise stays with one more attempt. Repeating this is harmless. Events of its
    /// key that came later have been processed by then. False when there is none with this id.
    ///
    /// - Throws: `DatabaseError`.
    package func redrive(id: String) async throws -> Bool {
        let isMarked = try await store.markForRedrive(id: id)
        if isMarked { redrives.signal() }
        return isMarked
    }

    /// Redrives all, oldest first; where one fails again, later ones of its key stay as they are. Returns how
    /// many were not being redriven already.
    ///
    /// - Throws: `DatabaseError`.
    package func redriveAll() async throws -> Int {
        let count = try await store.markAllForRedrive()
        redrives.signal()
        return count
    }

    /// Deletes a dead letter for good; its event counts as processed. False when there is none with this id.
    ///
    /// - Throws: `DatabaseError`.
    package func discard(id: String) async throws -> Bool {
        try await store.database.transaction { [store, clock] transaction in
            guard let letter = try await store.deadLetter(id: id, in: transaction) else { return false }
            _ = try await store.recordDeadLetterInInbox(letter.eventID, at: clock.now(), in: transaction)
            return try await store.deleteDeadLetter(id: id, in: transaction)
        }
    }
}
