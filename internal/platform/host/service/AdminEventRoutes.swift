import FoundationEssentials
import Hummingbird
import SoukAPI
import SoukCallContext
import SoukErrors
package import SoukEventsRuntime
package import SoukHTTP
import SoukPagination
import SoukTime

/// Routes for administrators to look after the events of the services: outboxes, lag, dead letters.
package struct AdminEventRoutes: Sendable {
    /// How long a summary waits for each service.
    private static let patience: Duration = .seconds(2)

    private let administrations: [any EventAdministration]

    /// Routes over these services' events.
    package init(_ administrations: [any EventAdministration]) {
        self.administrations = administrations
    }

    /// Registers them under `/api/v1/admin/events`.
    package func register(on routes: Routes) {
        routes.admin
            .get("/api/v1/admin/events") { _, context in try await summary(context) }
            .get("/api/v1/admin/events/dead-letters") { request, context in
                try await list(request, context)
            }
            .get("/api/v1/admin/events/dead-letters/{service}/{id}") { _, context in try await show(context) }
            .post("/api/v1/admin/events/dead-letters/redrive") { request, context in
                try await redriveAll(request, context)
            }
            .post("/api/v1/admin/events/dead-letters/{service}/{id}/redrive") { _, context in
                try await redrive(context)
            }
            .delete("/api/v1/admin/events/dead-letters/{service}/{id}") { _, context in
                try await discard(context)
            }
    }

    /// Every service, in the order given, asked all at once; one that is away or slow is marked and costs nobody else
    /// the answer.
    private func summary(_ context: AdminContext) async throws -> Reply {
        let call = context.call.limited(to: .now + Self.patience)
        let summaries = try await withThrowingTaskGroup(of: (Int, SummaryResponse).self) { group in
            for (index, administration) in administrations.enumerated() {
                group.addTask { (index, try await Self.summary(of: administration, call)) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return try Reply.ok(summaries.sorted { $0.0 < $1.0 }.map(\.1))
    }

    private static func summary(
        of administration: any EventAdministration, _ call: CallContext
    ) async throws -> SummaryResponse {
        do {
            return SummaryResponse(administration.service, try await administration.summary(call))
        } catch {
            // A request that was cancelled says nothing about the service.
            try Task.checkCancellation()
            return SummaryResponse(administration.service, nil)
        }
    }

    private func list(_ request: Request, _ context: AdminContext) async throws -> Reply {
        guard let administration = try administration(of: request) else {
            throw ValidationError.malformed([
                FieldError(field: "service", code: "required", message: "Say whose dead letters are wanted.")
            ])
        }
        let page = try await administration.deadLetters(try request.pageRequest(), context.call)
        return try Reply.page(page.map(DeadLetterSummary.init))
    }

    private func show(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard let letter = try await administration.deadLetter(id: id, context.call) else {
            throw Self.noSuchLetter
        }
        return try Reply.ok(DeadLetterDetail(letter))
    }

    /// All of one service, or of all; services that are away are named, and the others' letters redriven.
    private func redriveAll(_ request: Request, _ context: AdminContext) async throws -> Reply {
        if let administration = try administration(of: request) {
            return try Reply.accepted(
                RedriveResult(redriven: try await administration.redriveAll(context.call)))
        }
        var (count, away) = (0, [String]())
        for administration in administrations {
            do {
                count += try await administration.redriveAll(context.call)
            } catch {
                try Task.checkCancellation()
                away.append(administration.service)
            }
        }
        return try Reply.accepted(RedriveResult(redriven: count, unavailable: away.isEmpty ? nil : away))
    }

    private func redrive(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard try await administration.redrive(id: id, context.call) else { throw Self.noSuchLetter }
        return try Reply.accepted(RedriveResult(redriven: 1))
    }

    private func discard(_ context: AdminContext) async throws -> Reply {
        let (administration, id) = try target(context)
        guard try await administration.discard(id: id, context.call) else { throw Self.noSuchLetter }
        return .noContent
    }

    /// The service that the query names; `nil` when it names none.
    private func administration(of request: Request) throws -> (any EventAdministration)? {
        guard let name = request.queryString("service") else { return nil }
        guard let administration = administrations.first(where: { $0.service == name }) else {
            let all = administrations.map(\.service).joined(separator: ", ")
            throw ValidationError.malformed([
                FieldError(field: "service", code: "choice", message: "The value must be one of: \(all).")
            ])
        }
        return administration
    }

    private func target(_ context: AdminContext) throws -> (any EventAdministration, String) {
        let name = try context.parameter("service")
        guard let administration = administrations.first(where: { $0.service == name }) else {
            throw Self.noSuchLetter
        }
        return (administration, try context.parameter("id"))
    }

    private static let noSuchLetter = ServiceError(
        .notFound, code: "dead_letter.not_found", message: "There is no such dead letter.")
}

private struct SummaryResponse: Encodable, Sendable {
    let service: String
    /// False for a service that can't be reached now; then nothing else is known.
    let available: Bool
    let outboxDepth: Int?
    let lag: [String: Int]?
    let deadLetters: Int?
    let deadLettersByError: [String: Int]?

    init(_ service: String, _ summary: EventSummary?) {
        self.service = service
        available = summary != nil
        outboxDepth = summary?.outboxDepth
        lag = summary?.lag
        deadLetters = summary?.deadLetters
        deadLettersByError = summary?.deadLettersByError
    }
}

private struct RedriveResult: Encodable, Sendable {
    let redriven: Int
    /// Services that could not be reached, if any.
    var unavailable: [String]?
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
