package import GRPCCore
import SoukCallContext
import SoukErrors
package import SoukEventsRuntime
import SoukPagination
package import SoukProto
package import SoukRPCRuntime
import SwiftProtobuf

extension RPCService {
    /// A service's event administration.
    ///
    /// - Parameter administrators: The services that may call it, on behalf of an administrator.
    package static func eventAdministration(
        _ administration: any EventAdministration, administrators: Set<String>
    ) -> RPCService {
        RPCService(
            EventAdministrationService(administration: administration),
            access: .delegated(administrators, .admin))
    }
}

/// Serves an ``EventAdministration`` to other processes.
package struct EventAdministrationService: Souk_Events_V1_EventAdministrationService.SimpleServiceProtocol {
    private let administration: any EventAdministration

    package init(administration: any EventAdministration) {
        self.administration = administration
    }

    package func getSummary(
        request: Souk_Events_V1_GetSummaryRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_GetSummaryResponse {
        let summary = try await administration.summary(context.call.context)
        return .with {
            $0.outboxDepth = Int64(summary.outboxDepth)
            $0.lag = summary.lag.mapValues(Int64.init)
            $0.deadLettersByError = summary.deadLettersByError.mapValues(Int64.init)
        }
    }

    package func listDeadLetters(
        request: Souk_Events_V1_ListDeadLettersRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_ListDeadLettersResponse {
        let page = try PageRequest(page: Int(request.page), size: Int(request.size))
        let letters = try await administration.deadLetters(page, context.call.context)
        return .with {
            // A hundred payloads of a megabyte each are not one message.
            $0.deadLetters = letters.items.map { $0.wire(withPayload: false) }
            $0.totalCount = Int64(letters.totalCount)
            $0.totalPages = Int64(letters.totalPages)
            // They came as 32 bits.
            $0.page = Int32(letters.request.page)
            $0.size = Int32(letters.request.size)
            $0.hasMore_p = letters.hasMore
        }
    }

    package func getDeadLetter(
        request: Souk_Events_V1_GetDeadLetterRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_GetDeadLetterResponse {
        let letter = try await administration.deadLetter(id: request.id, context.call.context)
        return .with { if let letter { $0.deadLetter = letter.wire(withPayload: true) } }
    }

    package func redriveDeadLetter(
        request: Souk_Events_V1_RedriveDeadLetterRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_RedriveDeadLetterResponse {
        let marked = try await administration.redrive(id: request.id, context.call.context)
        return .with { $0.marked = marked }
    }

    package func redriveAllDeadLetters(
        request: Souk_Events_V1_RedriveAllDeadLettersRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_RedriveAllDeadLettersResponse {
        let marked = try await administration.redriveAll(context.call.context)
        return .with { $0.marked = Int64(marked) }
    }

    package func discardDeadLetter(
        request: Souk_Events_V1_DiscardDeadLetterRequest, context: ServerContext
    ) async throws -> Souk_Events_V1_DiscardDeadLetterResponse {
        let discarded = try await administration.discard(id: request.id, context.call.context)
        return .with { $0.discarded = discarded }
    }
}
