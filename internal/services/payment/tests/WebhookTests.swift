import HTTPTypes
import SoukDatabase
import SoukEnv
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTesting
import Testing

@testable import SoukPayment

@Suite struct WebhookTests {
    @Test func aCaptureIsBookedAndAnnouncedOnce() async throws {
        let bench = try await PaymentBench()
        let vendors = [VendorID(), VendorID()]
        let intent = try await bench.open([700, 305], vendors: vendors)
        #expect(try await bench.deliver(.captured, of: intent, id: "evt") == .processed(.applied))
        #expect(try await bench.deliver(.captured, of: intent, id: "evt") == .duplicate)
        #expect(try await bench.deliver(.captured, of: intent, id: "evt-2") == .processed(.ignored))
        let events = try await bench.published(PaymentSucceeded.self)
        #expect(events.map(\.amount) == [bench.money(1_005)] && events.map(\.orderId) == [intent.orderID])
        // 10 % of 305 is 30.5, half to even 30.
        #expect(
            try await bench.balances() == [
                "provider:fake": 1_005, "vendor:\(vendors[0])": 630, "vendor:\(vendors[1])": 275,
                "platform:commission": 100,
            ])
        try await bench.checkBooks()
    }

    @Test func aDeclineIsAnnounced() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        try await bench.deliver(.failed, of: intent)
        #expect(try await bench.published(PaymentFailed.self).map(\.reason) == ["declined"])
        #expect(try await bench.intent(intent.id).kernelValue.payURL == nil)
    }

    /// Whatever order they come in, and however often, the books end the same.
    @Test(arguments: permutations([FakeWebhook.Kind.authorized, .captured, .failed, .other]))
    func orderAndDuplicatesDoNotMatter(kinds: [FakeWebhook.Kind]) async throws {
        let bench = try await PaymentBench()
        let vendors = [VendorID(), VendorID(), VendorID()]
        let intent = try await bench.open([333, 333, 334], vendors: vendors)
        for kind in kinds {
            for _ in 0..<2 { try await bench.deliver(kind, of: intent, id: kind.rawValue) }
        }
        for kind in kinds.reversed() {
            #expect(try await bench.deliver(kind, of: intent, id: kind.rawValue) == .duplicate)
        }
        #expect(try await bench.intent(intent.id).state == .captured)
        #expect(try await bench.published(PaymentSucceeded.self).count == 1)
        #expect(
            try await bench.balances() == [
                "provider:fake": 1_000, "platform:commission": 99, "vendor:\(vendors[0])": 300,
                "vendor:\(vendors[1])": 300, "vendor:\(vendors[2])": 301,
            ])
        try await bench.checkBooks()
    }

    @Test func duplicatesAtTheSameTimeHaveOneEffect() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        let receipts = try await withThrowingTaskGroup(of: WebhookReceipt.self) { group in
            for index in 0..<50 {
                group.addTask { try await bench.deliver(.captured, of: intent, id: "evt-\(index % 5)") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(receipts.count { $0 == .processed(.applied) } == 1)
        #expect(receipts.count { $0 == .processed(.ignored) } == 4)
        #expect(receipts.count { $0 == .duplicate } == 45)
        try await bench.checkBooks()
    }

    @Test func anotherAmountIsSetAside() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        let euros = Money(1_000, try #require(Currency("EUR")))
        for amount in [bench.money(999), bench.money(1_001), euros] {
            #expect(try await bench.deliver(.captured, of: intent, amount: amount) == .processed(.mismatch))
        }
        #expect(try await bench.intent(intent.id).state == .pending)
        #expect(try await bench.balances().isEmpty)
        #expect(try await bench.deliver(.captured, of: intent) == .processed(.applied))
    }

    @Test func moneyTakenAfterCancellationIsNotForgotten() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        _ = try await bench.kernel.cancelIntent(intent.orderID, bench.call)
        #expect(try await bench.deliver(.captured, of: intent) == .processed(.applied))
        #expect(try await bench.published(PaymentSucceeded.self).count == 1)
        try await bench.checkBooks()
    }

    @Test func aWebhookMayBeQuickerThanOurNoteOfTheCharge() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        bench.provider.fail(.create, afterEffect: true)
        _ = try? await bench.kernel.createIntent(request, bench.call)
        let intent = try #require(
            try await bench.core.intents.find(order: request.orderID, in: bench.database))
        #expect(intent.reference == nil)
        let webhook = FakeWebhook(
            id: "evt", kind: .captured, reference: "fake-\(intent.id)", paymentID: intent.id,
            amount: intent.amount)
        #expect(try await bench.deliver(webhook) == .processed(.applied))
        #expect(try await bench.intent(intent.id).reference == "fake-\(intent.id)")
        try await bench.checkBooks()
    }

    @Test func aPaymentIsNotFoundUnderAnotherChargesReference() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        let webhook = FakeWebhook(
            id: "evt", kind: .captured, reference: "another", paymentID: intent.id, amount: intent.amount)
        #expect(try await bench.deliver(webhook) == .processed(.orphan))
        #expect(try await bench.intent(intent.id).state == .pending)
    }

    @Test func webhooksAreForgottenButForThoseWhoseChargeIsLookedFor() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        let known = FakeWebhook(
            id: "known", kind: .captured, reference: try #require(intent.reference), amount: intent.amount)
        #expect(try await bench.deliver(known) == .processed(.applied))
        let orphan = FakeWebhook(id: "orphan", kind: .captured, reference: "?", amount: intent.amount)
        #expect(try await bench.deliver(orphan) == .processed(.orphan))
        try await bench.core.webhooks.purge(receivedBefore: bench.clock.now())
        #expect(try await bench.deliver(known) == .duplicate)
        bench.clock.advance(by: .seconds(1))
        try await bench.core.webhooks.purge(receivedBefore: bench.clock.now())
        let left = try await bench.database.query("SELECT event_id FROM webhook_events")
        #expect(try left.map { try $0.get("event_id", as: String.self) } == ["orphan"])
        // Known no more, it still changes nothing.
        #expect(try await bench.deliver(known) == .processed(.ignored))
        try await bench.checkBooks()
    }

    @Test func forgeriesLeaveNoTrace() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        let webhook = FakeWebhook(
            id: "evt", kind: .captured, reference: try #require(intent.reference), amount: intent.amount)
        let name = try #require(HTTPField.Name(WebhookSignature.headerName))
        var headers = HTTPFields()
        headers[name] = WebhookSignature.header(
            for: webhook.body, at: bench.clock.now(), secrets: [.init("wrong")])
        await #expect(throws: WebhookError.signatureInvalid) {
            try await bench.core.webhooks.receive(headers: headers, rawBody: webhook.body)
        }
        #expect(try await bench.database.scalar("SELECT count(*) FROM webhook_events", as: Int.self) == 0)
        #expect(try await bench.intent(intent.id).state == .pending)
    }
}

/// Every order of the items.
func permutations<T>(_ items: [T]) -> [[T]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { index in
        var rest = items
        let item = rest.remove(at: index)
        return permutations(rest).map { [item] + $0 }
    }
}
