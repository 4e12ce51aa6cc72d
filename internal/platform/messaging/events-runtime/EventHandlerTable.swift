package import SoukCloudEvents
package import SoukDatabase

/// What a service does about events, known before there is an instance of the service: its topics are those of its handlers.
///
/// `Handlers` is what the bodies work with; ``bound(to:)`` gives the handlers of one instance.
package struct EventHandlerTable<Handlers: Sendable>: Sendable, ExpressibleByArrayLiteral {
    /// One type of event and what is done about it.
    package struct Entry: Sendable {
        let type: String
        let topic: String
        let bind: @Sendable (Handlers) -> EventHandler

        /// As ``EventHandler/on(_:isolation:sharesTransaction:_:)``, with what the body works with before the event.
        package static func on<E: Event>(
            _ type: E.Type, isolation: Isolation = .serializable, sharesTransaction: Bool = false,
            _ body: @escaping @Sendable (Handlers, E, EventContext, any Transaction) async throws -> Void
        ) -> Entry {
            Entry(type: E.type, topic: E.topic) { handlers in
                .on(type, isolation: isolation, sharesTransaction: sharesTransaction) { event, context, tx in
                    try await body(handlers, event, context, tx)
                }
            }
        }
    }

    private let entries: [Entry]

    package init(arrayLiteral entries: Entry...) {
        self.entries = entries
    }

    private init(_ entries: [Entry]) {
        self.entries = entries
    }

    package static func + (first: Self, second: Self) -> Self { Self(first.entries + second.entries) }

    /// What the handlers are for.
    package var interests: Set<EventInterest> {
        Set(entries.map { EventInterest(type: $0.type, topic: $0.topic) })
    }

    /// The handlers of one instance, in the order of the table.
    package func bound(to handlers: Handlers) -> [EventHandler] { entries.map { $0.bind(handlers) } }
}

/// A type of event that somebody handles.
package struct EventInterest: Sendable, Hashable {
    /// The CloudEvents `type`.
    package let type: String
    package let topic: String

    package init(type: String, topic: String) {
        self.type = type
        self.topic = topic
    }
}
