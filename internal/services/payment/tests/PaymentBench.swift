import HTTPTypes
import Logging
import SoukAPI
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukPaymentKernel
import SoukTesting
import SoukTime
import Testing

@testable import SoukPayment

/// The service's core on a database of its own, with a provider that does as it is told.
struct PaymentBench: Sendable {
    let clock = ManualClock()
    let provider = FakeProvider()
    let database: any Database
    let core: PaymentCore
    let handlers: PaymentHandlers
    let gbp: Currency
    let call = CallContext.background("test")

    var kernel: any PaymentKernel { core.kernel }

    init(_ adjust: (inout PaymentOptions) -> Void = { _ in }) async throws {
        var options = PaymentOptions()
        adjust(&options)
        let database = try await TestDatabase.make(sets: [
            "payment": PaymentMigrations.all, "events": EventRuntime.migrations,
        ])
        let runtime = EventRuntime(
            service: "payment", database: database, broker: UnusedBroker(), clock: clock)
        let logger = Logger(label: "test")
        self.database = database
        core = PaymentCore(
            database: database, outbox: runtime.outbox, provider: provider, options: options, clock: clock,
            logger: logger)
        handlers = PaymentHandlers(intents: core.intents, refunds: core.refunds, clock: clock, logger: logger)
        gbp = try #require(Currency("GBP"))
    }

    func money(_ amount: Int64) -> Money { Money(amount, gbp) }

    func request(
        _ shares: [Int64] = [700, 300], order: OrderID = OrderID(), vendors: [VendorID]? = nil,
        customer: UserID = UserID()
    ) -> IntentRequest {
        let vendors = vendors ?? shares.map { _ in VendorID() }
        return IntentRequest(
            orderID: order, customerID: customer, amount: money(shares.reduce(0, +)),
            shares: zip(vendors, shares).map { .init(vendorID: $0, gross: money($1)) },
            expiresAt: clock.now() + .seconds(900))
    }

    func intent(_ id: PaymentID) async throws -> Intent {
        try #require(try await core.intents.find(id, in: database))
    }

    /// An intent whose charge is open.
    func open(_ shares: [Int64] = [700, 300], vendors: [VendorID]? = nil) async throws -> Intent {
        let made = try await kernel.createIntent(request(shares, vendors: vendors), call)
        return try await intent(made.id)
    }

    /// An intent whose money was taken.
    func paid(_ shares: [Int64] = [700, 300], vendors: [VendorID]? = nil) async throws -> Intent {
        let opened = try await open(shares, vendors: vendors)
        let reference = try #require(opened.reference)
        provider.set(.captured, of: reference)
        try await deliver(.captured, of: opened)
        return try await intent(opened.id)
    }

    @discardableResult
    func deliver(
        _ kind: FakeWebhook.Kind, of intent: Intent, id: String = RandomToken.make(), amount: Money? = nil
    ) async throws -> WebhookReceipt {
        let reference = try #require(intent.reference)
        return try await deliver(
            FakeWebhook(id: id, kind: kind, reference: reference, amount: amount ?? intent.amount))
    }

    @discardableResult
    func deliver(_ webhook: FakeWebhook) async throws -> WebhookReceipt {
        let name = try #require(HTTPField.Name(WebhookSignature.headerName))
        var headers = HTTPFields()
        headers[name] = WebhookSignature.header(
            for: webhook.body, at: clock.now(), secrets: [FakeProvider.secret])
        return try await core.webhooks.receive(headers: headers, rawBody: webhook.body)
    }

    func refund(
        _ amount: RefundRequest.Amount, of intent: Intent, key: String = RandomToken.make(),
        vendor: VendorID? = nil
    ) async throws -> Refund {
        let request = RefundRequest(
            key: key, amount: amount, vendorID: vendor, reason: "test", returnID: nil)
        return try await database.transaction {
            try await core.refunds.request(request, of: intent.id, in: $0)
        }
    }

    func handle(_ event: OrderRefundRequired) async throws {
        try await database.transaction { try await handlers.refund(event, in: $0) }
    }

    func handle(_ event: ReturnApproved) async throws {
        try await database.transaction { try await handlers.refund(event, in: $0) }
    }

    /// The payloads of one type in the outbox, oldest first.
    func published<E: Event>(_ type: E.Type) async throws -> [E] {
        try await database.query("SELECT data FROM outbox WHERE type = \(E.type) ORDER BY id").map {
            try JSONCoding.decode(E.self, from: try $0.get("data", as: [UInt8].self))
        }
    }

    /// Natural balances by account.
    func balances() async throws -> [String: Int64] {
        let page = try await LedgerReader(database: database).accounts(PageRequest(size: 100))
        return Dictionary(uniqueKeysWithValues: page.items.map { ($0.account, $0.balance.amount) })
    }

    /// Holds whatever happened.
    func checkBooks(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let verification = try await LedgerVerifier(database: database).verify()
        #expect(verification.differences == [], sourceLocation: sourceLocation)
        let violations = try await database.scalar(
            """
            SELECT count(*) FROM payment_intents
            WHERE NOT (0 <= refunded AND refunded <= refund_reserved AND refund_reserved <= captured
                AND captured <= amount)
            """, as: Int.self)
        #expect(violations == 0, sourceLocation: sourceLocation)
    }
}
