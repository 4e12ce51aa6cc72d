import Foundation
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEnv
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukProductKernel
import SoukService
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukEventsRuntime
@testable import SoukOrder

/// An order service over its own database, between peers that do as they are told, at a time that stands still.
final class OrderWorld: Sendable {
    let clock = ManualClock()
    let peers: FakePeers
    let database: any Database
    let customer = UserID()
    let context = CallContext.background("test")

    init() async throws {
        peers = FakePeers(clock: clock)
        database = try await TestDatabase.make()
    }

    /// A service as a process has it after its start; the one before is as good as killed.
    func start(_ change: (inout OrderConfiguration) -> Void = { _ in }) async throws -> OrderService {
        var configuration = OrderConfiguration()
        configuration.sagas.attempts = 1
        change(&configuration)
        let service = OrderService(
            resources: ServiceResources(
                name: "order", database: database, broker: UnusedBroker(), clock: clock,
                environment: Environment(values: [:])),
            products: peers, vendors: peers, payments: peers, configuration: configuration)
        try await service.prepare()
        return service
    }

    static let address = Address(
        name: "Ada", line1: "1 Road", line2: nil, city: "London", region: nil, postalCode: "N1", country: "GB"
    )

    static func pounds(_ pence: Int64) throws -> Money { Money(pence, try #require(Currency("GBP"))) }

    func command(reference: String? = nil, expecting: Money? = nil) -> CheckoutCommand {
        CheckoutCommand(address: Self.address, reference: reference, expectedTotal: expecting)
    }

    func fill(_ service: OrderService, of user: UserID? = nil, _ lines: [(VariantID, Int)]) async throws {
        _ = try await service.carts.replace(
            lines.map { CartItemRequest(variantID: $0.0, storeID: nil, quantity: $0.1) },
            CartAccess(user: user ?? customer, token: nil), context)
    }

    /// An order over two of something at 9.99, awaiting its payment.
    func placed(_ service: OrderService, key: String = "k") async throws -> OrderID {
        let variant = peers.sell("SKU-\(key)", price: try Self.pounds(999))
        try await fill(service, [(variant.id, 2)])
        return try await service.checkout.place(command(), of: customer, key: key, context)
    }

    func paid(_ service: OrderService) async throws -> OrderID {
        let id = try await placed(service)
        try await pay(service, id)
        return id
    }

    /// The customer pays, and the news arrives.
    func pay(_ service: OrderService, _ id: OrderID) async throws {
        peers.capture(id)
        try await deliver(service, try succeeded(id))
    }

    func succeeded(_ id: OrderID) throws -> PaymentSucceeded {
        let intent = try #require(peers.state.withLock { $0.intents[id] })
        return PaymentSucceeded(
            paymentId: intent.id, orderId: id, customerId: intent.customerID, amount: intent.amount)
    }

    /// Runs the handler of an event within a transaction, as the consumer does but without its inbox: what is handled
    /// twice must still happen once.
    func deliver<E: Event>(_ service: OrderService, _ event: E) async throws {
        let handler = try #require(
            OrderEventHandlers.events.bound(to: OrderEventHandlers(transitions: service.transitions)).first {
                $0.type == E.type
            })
        let envelope = try EventEnvelope(
            event, id: UUID().uuidString, source: "test", time: clock.now(), traceparent: nil)
        let context = EventContext(eventID: envelope.id, time: envelope.time, attempt: 1, call: context)
        try await database.transaction { tx in try await handler.run(envelope, context, tx) }
    }

    /// The events of a type that were published, in order.
    func published<E: Event>(_ type: E.Type) async throws -> [E] {
        try await database.query("SELECT data FROM outbox WHERE type = \(E.type) ORDER BY id").map { row in
            try EventEnvelope.decoder.decode(E.self, from: Data(try row.get("data", as: [UInt8].self)))
        }
    }

    func order(_ id: OrderID) async throws -> Order {
        try #require(try await OrderStore().order(id, in: database))
    }

    func status(_ id: OrderID) async throws -> OrderStatus { try await order(id).status }

    /// Leaves every saga claimed, as a killed process does.
    ///
    /// - Parameter ranOut: Whether the time of the claim is over where that alone tells of a death.
    func leaveClaimed(ranOut: Bool = true) async throws {
        let end = clock.now() + .seconds(60)
        try await database.execute("UPDATE sagas SET owner = 'the dead', claimed_until = \(end)")
        // Where several processes may live, nobody knows of a death but by the end of the claim.
        if ranOut, database.dialect == .postgres { clock.advance(by: .seconds(61)) }
    }

    func sagaCount() async throws -> Int? {
        try await database.scalar("SELECT COUNT(*) FROM sagas")
    }
}

/// The code of the error that a body throws.
func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? any SoukError)?.code ?? "\(error)"
    }
}
