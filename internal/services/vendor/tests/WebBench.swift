import HTTPTypes
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukEvents
import SoukEventsRuntime
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import SoukService
import SoukTesting
import Testing

@testable import SoukVendor

/// The whole service behind its routes, without sockets.
struct WebBench: Sendable {
    let clock = ManualClock()
    let database: any Database
    let service: VendorService
    private let caller: TestCaller

    init(configuration: VendorConfiguration = VendorConfiguration()) async throws {
        let database = try await TestDatabase.make()
        self.database = database
        service = VendorService(
            resources: ServiceResources(
                name: "vendor", database: database, broker: UnusedBroker(), clock: clock,
                environment: Environment(values: [:])), configuration: configuration)
        try await service.prepare()
        caller = TestCaller(register: service.registerRoutes)
    }

    /// Does what the service does when the event arrives.
    func handle(_ event: OrderPaid) async throws {
        let runtime = EventRuntime(
            service: "vendor", database: database, broker: UnusedBroker(), clock: clock)
        let useCases = VendorUseCases(
            database: database, outbox: runtime.outbox, clock: clock, limits: VendorLimits(),
            holds: HoldLimits())
        try await database.transaction { try await useCases.orders.fulfil(event, $0) }
    }

    /// Sends a request as this caller (nil: nobody); `body` is JSON.
    func send(
        _ method: HTTPRequest.Method, _ path: String, as user: UserID? = nil, admin: Bool = false,
        body: String? = nil, key: String? = nil, ifMatch: String? = nil
    ) async throws -> Answer {
        var headers = HTTPFields()
        if let key { headers[.idempotencyKey] = key }
        if let ifMatch { headers[.ifMatch] = ifMatch }
        let token = user.map { PlainTokens.token(for: $0, admin ? .admin : .customer) }
        return try await caller.send(method, path, as: token, body: body, headers: headers)
    }
}
