import FoundationEssentials
import Hummingbird
import SoukAPI
import SoukErrors
package import SoukEventsRuntime
package import SoukHTTP
import SoukPagination
import SoukTime

/// Routes for administrators to look after the events of the services: outboxes, lag, dead letters.
package struct AdminEventRoutes: Sendable {
    private let administrations: [EventAdministration]

    /// Routes over these services' events.
    package init(_ administrations: [EventAdministration]) {
        self.administrations = administrations
    }

    /// Registers them under `/api/v1/admin/events`.
    package func register(on routes: Routes) {
        routes.admin
            .get("/api/v1/admin/events") { _, _ in try await summary() }
            .get("/api/v1/admin/events/dead-letters") { request, _ in try await list(request) }
            .get("/api/v1/admin/events/dead-letters/{service}/{id}") { _, context in try await show(context) }
            .post("/api/v1/admin/events/dead-letters/redrive") { request, _ in try await redriveAll(request) }
            .post("/api/v1/admin/events/dead-letters/{service}/{id}/redrive") { _, context in
                try await redrive(context)
            }
            .delete("/api/v1/admin/events/dead-letters/{service}/{id}") { _, context in
                try await discard(context)
            }
    }

    private func summary() async throws -> Reply {
        var summaries: [EventSummary] = []
        for administration in administrations {
            summaries.append(
                EventSummary(
                    service: administration.service, outboxDepth: try await administration.outboxDepth(),
                    lag: try await administration.lag(),
                    deadLetters: try await administration.deadLetters(PageRequest(size: 1)).totalCount))
        }
        return try Reply.ok(summaries)
    }

    private func list(_ request: Request) async throws -> Reply {
        guard let administration = try administration(of: request) else {
            throw ValidationError.malformed([
                FieldError(field: "service", code: "required", message: "Say whose dead letters are wanted.")
            ])
        }
        let page = try await administration.deadLetters(try request.pageRequest())
        return try Reply.page(page.map(DeadLetterSummary.init))
    }

    private func show(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard let letter = try await administration.deadLetter(id: id) else { throw Self.noSuchLetter }
        return try Reply.ok(DeadLetterDetail(letter))
    }

    private func redriveAll(_ request: Request) async throws -> Reply {
        let chosen = try administration(of: request).map { [$0] } ?? administrations
        var count = 0
        for administration in chosen { count += try await administration.redriveAll() }
        return try Reply.accepted(RedriveResult(redriven: count))
    }

    private func redrive(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard try await administration.redrive(id: id) else { throw Self.noSuchLetter }
        return try Reply.accepted(RedriveResult(redriven: 1))
    }

    private func discard(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard try await administration.discard(id: id) else { throw Self.noSuchLetter }
        return .noContent
    }

    /// The service that the query names; `nil` when it names none.
    private func administration(of request: Request) throws -> EventAdministration? {
        guard let name = request.queryString("service") else { return nil }
        guard let administration = administrations.first(where: { $0.service == name }) else {
            let all = administrations.map(\.service).joined(separator: ", ")
            throw ValidationError.malformed([
                FieldError(field: "service", code: "choice", message: "The value must be one of: \(all).")
            ])
        }
        return administration
    }

    private func target(_ context: AdminContext) throws -> (EventAdministration, String) {
        let name = try context.parameter("service")
        guard let administration = administrations.first(where: { $0.service == name }) else {
            throw Self.noSuchLetter
        }
        return (administration, try context.parameter("id"))
    }

    private static let noSuchLetter = ServiceError(
        .notFound, code: "dead_letter.not_found", message: "There is no such dead letter.")
}

private struct EventSummary: Encodable, Sendable {
    let service: String
    let outboxDepth: Int
    let lag: [String: Int]
    let deadLetters: Int
}

private struct RedriveResult: Encodable, Sendable {
    let redriven: Int
}

private struct DeadLetterSummary: Encodable, Sendable {
    let id: String
    let service: String
    let eventId: String
    let type: String?
    let topic: String
    let key: String
    let errorCode: String
    let error: String
    let attempts: Int
    let firstFailedAt: Timestamp
    let lastFailedAt: Timestamp
    let status: String

    init(_ letter: DeadLetter) {
        id = letter.id
        service = letter.consumer
        eventId = letter.eventID
        type = letter.type
        topic = letter.topic
        key = letter.key
        errorCode = letter.errorCode
        error = letter.error
        attempts = letter.attempts
        firstFailedAt = letter.firstFailedAt
        lastFailedAt = letter.lastFailedAt
        status = letter.status.rawValue
    }
}

private struct DeadLetterDetail: Encodable, Sendable {
    let letter: DeadLetterSummary
    let headers: [String: String]
    /// The payload where it is JSON; `payloadBase64` otherwise.
    let payload: JSONValue?
    let payloadBase64: String?

    init(_ letter: DeadLetter) {
        self.letter = DeadLetterSummary(letter)
        headers = letter.headers
        payload = JSONValue(json: letter.payload)
        payloadBase64 = payload == nil ? Data(letter.payload).base64EncodedString() : nil
    }

    private enum CodingKeys: String, CodingKey {
        case headers, payload, payloadBase64
    }

    /// The members of the summary and the rest in one object.
    func encode(to encoder: any Encoder) throws {
        try letter.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(headers, forKey: .headers)
        try container.encodeIfPresent(payload, forKey: .payload)
        try container.encodeIfPresent(payloadBase64, forKey: .payloadBase64)
    }
}
