import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukTesting
import SoukVendorKernel
import Testing

@testable import SoukVendor

@Suite struct FulfilmentTests {
    @Test func aPaidOrderTakesTheStockAndMakesOnePartPerStore() async throws {
        let bench = try await VendorBench()
        let (first, second) = (try await bench.shop(["a": 5, "b": 5]), try await bench.shop(["c": 5]))
        let event = try await bench.sell([(first, "a", 2), (first, "b", 1), (second, "c", 3)])
        let parts = try await bench.parts(of: event.orderId)
        #expect(Set(parts.map(\.id)) == Set(event.parts.map(\.vendorOrderId)))
        #expect(parts.allSatisfy { $0.status == .new && !$0.isBackordered })
        let part = try #require(parts.first { $0.storeID == first.store })
        #expect(part.lines.map(\.sku) == ["a", "b"] && part.lines.first?.attributes == ["colour": "red"])
        #expect(part.total.amount == 3_000 && part.address.city == "London")
        let item = try await bench.item("a", in: first)
        #expect(item.onHand == 3 && item.reserved == 0)
        #expect(try await bench.state(of: event.orderId) == .committed)
        let created = try await bench.published(VendorOrderCreated.self)
        #expect(Set(created.map(\.ownerId)) == [first.owner, second.owner])
        try await bench.checkBooks()
    }

    @Test func redeliveredEventsChangeNothing() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        let event = try await bench.sell([(shop, "a", 2)])
        let abandoned = OrderID()
        try await bench.reserve([(shop, "a", 1)], for: abandoned)
        let cancelled = OrderCancelled(
            orderId: abandoned, number: "S-2", customerId: UserID(), reason: "expired", wasPaid: false)
        try await bench.handle(cancelled)
        #expect(try await bench.item("a", in: shop).available == 3)
        let before = try await bench.contents()
        try await bench.handle(event)
        try await bench.handle(cancelled)
        try await bench.handle(
            OrderCancelled(
                orderId: event.orderId, number: "S-1", customerId: event.customerId, reason: "customer",
                wasPaid: true))
        #expect(try await bench.contents() == before)
    }

    @Test func anExpiredHoldIsTakenAgainIfThereIsStock() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 2])
        let order = OrderID()
        try await bench.reserve([(shop, "a", 2)], for: order)
        bench.clock.advance(by: .seconds(1_000))
        try await bench.useCases.reservations.expireDue()
        try await bench.handle(try bench.paid([(shop, "a", 2)], order: order))
        #expect(try await bench.parts(of: order).map(\.isBackordered) == [false])
        #expect(try await bench.item("a", in: shop).onHand == 0)
        try await bench.checkBooks()
    }

    @Test func aPartWithoutStockIsBackorderedUntilItCanBeAccepted() async throws {
        let bench = try await VendorBench()
        let (late, other) = (try await bench.shop(["a": 1, "b": 1]), try await bench.shop(["c": 1]))
        let order = OrderID()
        let lines = [(late, "a", 1), (late, "b", 1), (other, "c", 1)]
        try await bench.reserve(lines, for: order)
        bench.clock.advance(by: .seconds(1_000))
        try await bench.useCases.reservations.expireDue()
        _ = try await bench.sell([(late, "b", 1)])
        try await bench.handle(try bench.paid(lines, order: order))
        let parts = try await bench.parts(of: order)
        let part = try #require(parts.first { $0.storeID == late.store })
        #expect(part.isBackordered)
        #expect(parts.first { $0.storeID == other.store }?.isBackordered == false)
        // Nothing of a part is taken until all of it can be.
        #expect(try await bench.item("a", in: late).onHand == 1)
        await #expect(throws: VendorError.insufficientStock(["b"])) {
            try await bench.useCases.fulfilment.accept(part.id, by: late.owner)
        }
        try await bench.count(["b": 4], in: late)
        let accepted = try await bench.useCases.fulfilment.accept(part.id, by: late.owner)
        #expect(accepted.status == .accepted && !accepted.isBackordered)
        #expect(try await bench.item("a", in: late).onHand == 0)
        #expect(try await bench.item("b", in: late).onHand == 3)
        try await bench.checkBooks()
    }

    @Test func acceptShipInPartsAndDeliver() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5, "b": 5])
        let event = try await bench.sell([(shop, "a", 3), (shop, "b", 1)])
        let id = try #require(event.parts.first).vendorOrderId
        let lineA = try #require(event.parts.first?.lines.first).lineId
        let fulfilment = bench.useCases.fulfilment
        let half = Fulfilment.Parcel(
            carrier: "Post", trackingNumber: "T1", lines: [LineQuantity(lineID: lineA, quantity: 2)])
        let rest = Fulfilment.Parcel(carrier: "Post", trackingNumber: nil, lines: nil)
        await #expect(throws: VendorError.illegalTransition("ship", .new)) {
            try await fulfilment.ship(half, of: id, by: shop.owner, key: "1")
        }
        _ = try await fulfilment.accept(id, by: shop.owner)
        _ = try await fulfilment.accept(id, by: shop.owner)
        let (partly, firstParcel) = try await fulfilment.ship(half, of: id, by: shop.owner, key: "1")
        #expect(partly.status == .partiallyShipped)
        #expect(try await fulfilment.ship(half, of: id, by: shop.owner, key: "1").1 == firstParcel)
        await #expect(throws: VendorError.shipmentExceedsOrder([lineA])) {
            try await fulfilment.ship(half, of: id, by: shop.owner, key: "2")
        }
        #expect(try await fulfilment.deliver(firstParcel, of: id, by: shop.owner).status == .partiallyShipped)
        let (whole, secondParcel) = try await fulfilment.ship(rest, of: id, by: shop.owner, key: "3")
        #expect(whole.status == .shipped && whole.shipments.map { $0.lines.count } == [1, 2])
        #expect(try await fulfilment.deliver(secondParcel, of: id, by: shop.owner).status == .delivered)
        #expect(try await fulfilment.deliver(secondParcel, of: id, by: shop.owner).status == .delivered)
        #expect(
            try await bench.published(VendorOrderChanged.self).map(\.status) == [
                "accepted", "partially_shipped", "shipped", "delivered",
            ])
        #expect(
            try await bench.published(ShipmentCreated.self).map { $0.lines.map(\.quantity) } == [
                [2], [1, 1],
            ])
        await #expect(throws: VendorError.notFound(.shipment)) {
            try await fulfilment.deliver(ShipmentID(), of: id, by: shop.owner)
        }
    }

    @Test func twoParcelsAtOnceNeverShipMoreThanWasOrdered() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        let event = try await bench.sell([(shop, "a", 5)])
        let part = try #require(event.parts.first)
        let line = try #require(part.lines.first).lineId
        _ = try await bench.useCases.fulfilment.accept(part.vendorOrderId, by: shop.owner)
        let sent = await withTaskGroup(of: Int.self) { group in
            for number in 0..<10 {
                group.addTask {
                    let parcel = Fulfilment.Parcel(
                        carrier: "Post", trackingNumber: nil, lines: [LineQuantity(lineID: line, quantity: 2)]
                    )
                    let shipped = try? await bench.useCases.fulfilment.ship(
                        parcel, of: part.vendorOrderId, by: shop.owner, key: "\(number)")
                    return shipped == nil ? 0 : 1
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sent == 2)
        #expect(try await bench.parts(of: event.orderId).first?.lines.first?.shipped == 4)
    }

    @Test func aSuspendedVendorStillFulfilsWhatWasPaid() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        let order = OrderID()
        try await bench.reserve([(shop, "a", 1)], for: order)
        _ = try await bench.useCases.accounts.decide(.suspend, on: shop.vendor, reason: "check")
        let event = try bench.paid([(shop, "a", 1)], order: order)
        try await bench.handle(event)
        let id = try #require(event.parts.first).vendorOrderId
        #expect(try await bench.useCases.fulfilment.accept(id, by: shop.owner).status == .accepted)
    }

    @Test func cancellingAfterPaymentRestocksOnce() async throws {
        let bench = try await VendorBench()
        let (first, second) = (try await bench.shop(["a": 5]), try await bench.shop(["b": 5]))
        let event = try await bench.sell([(first, "a", 2), (second, "b", 1)])
        let accepted = try #require(event.parts.first { $0.storeId == first.store }).vendorOrderId
        _ = try await bench.useCases.fulfilment.accept(accepted, by: first.owner)
        try await bench.kernel.cancelFulfilment(event.orderId, bench.call)
        try await bench.kernel.cancelFulfilment(event.orderId, bench.call)
        try await bench.handle(event)
        #expect(try await bench.parts(of: event.orderId).map(\.status) == [.cancelled, .cancelled])
        #expect(try await bench.item("a", in: first).onHand == 5)
        #expect(try await bench.item("b", in: second).onHand == 5)
        #expect(
            try await bench.published(VendorOrderChanged.self).map(\.status) == [
                "accepted", "cancelled", "cancelled",
            ])
        await #expect(throws: VendorError.illegalTransition("accept", .cancelled)) {
            try await bench.useCases.fulfilment.accept(accepted, by: first.owner)
        }
        try await bench.checkBooks()
    }

    @Test func cancellingBeforeTheEventWins() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        let order = OrderID()
        try await bench.reserve([(shop, "a", 2)], for: order)
        try await bench.kernel.cancelFulfilment(order, bench.call)
        #expect(try await bench.item("a", in: shop).available == 5)
        try await bench.handle(try bench.paid([(shop, "a", 2)], order: order))
        #expect(try await bench.parts(of: order).isEmpty)
        #expect(try await bench.item("a", in: shop).onHand == 5)
        #expect(try await bench.published(VendorOrderCreated.self).isEmpty)
        await #expect(throws: VendorKernelError.self) {
            try await bench.reserve([(shop, "a", 2)], for: order)
        }
        try await bench.checkBooks()
    }

    @Test func nothingIsCancelledOnceAPartHasShipped() async throws {
        let bench = try await VendorBench()
        let (first, second) = (try await bench.shop(["a": 5]), try await bench.shop(["b": 5]))
        let event = try await bench.sell([(first, "a", 2), (second, "b", 1)])
        let part = try #require(event.parts.first { $0.storeId == first.store })
        _ = try await bench.useCases.fulfilment.accept(part.vendorOrderId, by: first.owner)
        _ = try await bench.useCases.fulfilment.ship(
            Fulfilment.Parcel(carrier: "Post", trackingNumber: nil, lines: nil), of: part.vendorOrderId,
            by: first.owner, key: "k")
        let before = try await bench.contents()
        await #expect {
            try await bench.kernel.cancelFulfilment(event.orderId, bench.call)
        } throws: {
            guard case VendorKernelError.alreadyShipped(event.orderId) = $0 else { return false }
            return true
        }
        #expect(try await bench.contents() == before)
    }

    @Test func aBackorderedPartPutsNothingBack() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 0])
        let event = try bench.paid([(shop, "a", 2)], order: OrderID())
        try await bench.handle(event)
        try await bench.kernel.cancelFulfilment(event.orderId, bench.call)
        #expect(try await bench.item("a", in: shop).onHand == 0)
        try await bench.checkBooks()
    }

    @Test func anOrderOfAnUnknownVendorIsNotRetried() async throws {
        let bench = try await VendorBench()
        let nowhere = VendorBench.Shop(owner: UserID(), vendor: VendorID(), store: StoreID())
        let event = try bench.paid([(nowhere, "a", 1)], order: OrderID())
        await #expect {
            try await bench.handle(event)
        } throws: {
            ($0 as? any SoukError)?.kind.isRetryable == false
        }
        #expect(try await bench.parts(of: event.orderId).isEmpty)
    }
}
