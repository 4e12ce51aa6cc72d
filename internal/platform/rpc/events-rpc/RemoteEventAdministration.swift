package import GRPCCore
package import SoukCallContext
import SoukErrors
package import SoukEventsRuntime
package import SoukPagination
import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

/// The event administration of a service in another process, which is named as its peer. Every call needs an admin's access
/// token in its context.
package struct RemoteEventAdministration<Transport: ClientTransport>: EventAdministration {
    private typealias Service = Souk_Events_V1_EventAdministrationService

    private let peer: RPCPeer<Transport>

    package init(_ peer: RPCPeer<Transport>) {
        self.peer = peer
    }

    package var service: String { peer.name }

    package func summary(_ context: CallContext) async throws(EventAdministrationError) -> EventSummary {
        try await ask(Service.Method.GetSummary.descriptor, context) { client, options in
            let reply = try await client.getSummary(.init(), options: options)
            return EventSummary(
                outboxDepth: Int(reply.outboxDepth), lag: reply.lag.mapValues { Int($0) },
                deadLettersByError: reply.deadLettersByError.mapValues { Int($0) })
        }
    }

    package func deadLetters(
        _ page: PageRequest, _ context: CallContext
    ) async throws(EventAdministrationError) -> Page<DeadLetter> {
        // Nobody has so many; beyond 32 bits the page is as empty.
        let number = Int32(clamping: page.page)
        return try await ask(Service.Method.ListDeadLetters.descriptor, context) { client, options in
            let reply = try await client.listDeadLetters(
                .with {
                    $0.page = number
                    $0.size = Int32(page.size)
                }, options: options)
            return Page(
                items: try reply.deadLetters.map { try DeadLetter(wire: $0) }, request: page,
                totalCount: Int(reply.totalCount))
        }
    }

    package func deadLetter(
        id: String, _ context: CallContext
    ) async throws(EventAdministrationError) -> DeadLetter? {
        try await ask(Service.Method.GetDeadLetter.descriptor, context) { client, options in
            let reply = try await client.getDeadLetter(.with { $0.id = id }, options: options)
            return reply.hasDeadLetter ? try DeadLetter(wire: reply.deadLetter) : nil
        }
    }

    package func redrive(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        try await ask(Service.Method.RedriveDeadLetter.descriptor, context) { client, options in
            try await client.redriveDeadLetter(.with { $0.id = id }, options: options).marked
        }
    }

    package func redriveAll(_ context: CallContext) async throws(EventAdministrationError) -> Int {
        // Not repeated: the count of a second attempt would leave out what the first has marked.
        try await ask(Service.Method.RedriveAllDeadLetters.descriptor, context, idempotent: false) {
            client, options in
            Int(try await client.redriveAllDeadLetters(.init(), options: options).marked)
        }
    }

    package func discard(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool {
        // Not repeated: a second attempt would find nothing to discard.
        try await ask(Service.Method.DiscardDeadLetter.descriptor, context, idempotent: false) {
            client, options in
            try await client.discardDeadLetter(.with { $0.id = id }, options: options).discarded
        }
    }

    private func ask<Answer: Sendable>(
        _ method: MethodDescriptor, _ context: CallContext, idempotent: Bool = true,
        _ body: @escaping @Sendable (Service.Client<Transport>, CallOptions) async throws -> Answer
    ) async throws(EventAdministrationError) -> Answer {
        do {
            return try await peer.call(method, context, idempotent: idempotent, asUser: true) {
                client, options in
                try await body(Service.Client(wrapping: client), options)
            }
        } catch {
            throw .unavailable(error.logDescription)
        }
    }
}
