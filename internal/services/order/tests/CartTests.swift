import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukProductKernel
import SoukTesting
import SoukVendorKernel
import Synchronization
import Testing

@testable import SoukOrder

@Suite struct CartTests {
    private func item(_ variant: VariantID, _ store: StoreID, _ quantity: Int) -> CartItem {
        CartItem(id: CartItemID(), variantID: variant, storeID: store, quantity: quantity)
    }

    @Test func mergingAddsAndCutsOff() {
        let (store, shared, new) = (StoreID(), VariantID(), VariantID())
        let own = [item(shared, store, 9_999)] + (0..<998).map { _ in item(VariantID(), store, 1) }
        let guest = [item(shared, store, 5), item(new, store, 1), item(VariantID(), store, 1)]
        let merge = CartMerge(guest: guest, into: own)
        #expect(merge.changed.map(\.id) == [own[0].id] && merge.changed.map(\.quantity) == [10_000])
        #expect(merge.moved.map(\.variantID) == [new])
    }

    @Test func aGuestsCartBecomesTheUsersOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let one = world.peers.sell("ONE", price: try OrderWorld.pounds(100))
        let two = world.peers.sell("TWO", price: try OrderWorld.pounds(50))
        try await world.fill(service, [(one.id, 2)])

        let request = CartItemRequest(variantID: one.id, storeID: nil, quantity: 3)
        let guest = try await service.carts.add(request, CartAccess(user: nil, token: nil), world.context)
        let token = try #require(guest.newToken)
        let again = try await service.carts.add(
            CartItemRequest(variantID: two.id, storeID: nil, quantity: 1),
            CartAccess(user: nil, token: token),
            world.context)
        #expect(again.newToken == nil && again.priced.lines.count == 2)

        let both = CartAccess(user: world.customer, token: token)
        for _ in 0..<3 {
            let merged = try await service.carts.view(both, world.context)
            #expect(merged.priced.lines.map(\.item.quantity) == [5, 1])
            #expect(merged.priced.totals == [try OrderWorld.pounds(550)])
        }
        #expect(
            try await service.carts.view(CartAccess(user: nil, token: token), world.context).priced.cart
                == nil)
        // Twenty at once add it no more than once.
        let other = try await service.carts.add(request, CartAccess(user: nil, token: nil), world.context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    _ = try await service.carts.view(
                        CartAccess(user: world.customer, token: other.newToken), world.context)
                }
            }
            try await group.waitForAll()
        }
        let final = try await service.carts.view(CartAccess(user: world.customer, token: nil), world.context)
        #expect(final.priced.lines.map(\.item.quantity) == [8, 1])
    }

    @Test func tokensAreNotTakenFromClients() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("ONE", price: try OrderWorld.pounds(100))
        let chosen = String(repeating: "A", count: 43)
        let view = try await service.carts.add(
            CartItemRequest(variantID: variant.id, storeID: nil, quantity: 1),
            CartAccess(user: nil, token: chosen),
            world.context)
        #expect(view.newToken != nil && view.newToken != chosen)
        let stored: String? = try await world.database.scalar("SELECT token_hash FROM carts")
        #expect(stored?.count == 64 && stored != view.newToken)
    }

    @Test func theBestStockedStoreIsChosenAndKept() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let vendor = VendorID()
        let (small, large) = (StoreID(), StoreID())
        let variant = world.peers.sell(
            "X", price: try OrderWorld.pounds(100), vendor: vendor, store: small, stock: 5)
        world.peers.state.withLock { state in
            state.stores[large] = (vendor, "Large", true)
            state.stock[.init(storeID: large, sku: "X")] = 50
        }
        let access = CartAccess(user: world.customer, token: nil)
        let first = try await service.carts.add(
            CartItemRequest(variantID: variant.id, storeID: nil, quantity: 1), access, world.context)
        #expect(first.priced.lines.map(\.item.storeID) == [large])
        world.peers.state.withLock { $0.stock[.init(storeID: large, sku: "X")] = 2 }
        let second = try await service.carts.add(
            CartItemRequest(variantID: variant.id, storeID: nil, quantity: 2), access, world.context)
        #expect(second.priced.lines.map(\.item.storeID) == [large])
        #expect(second.priced.lines.map(\.problem) == [.insufficientStock])
        let named = try await service.carts.add(
            CartItemRequest(variantID: variant.id, storeID: small, quantity: 1), access, world.context)
        #expect(named.priced.lines.map(\.item.storeID) == [large, small])
        #expect(
            await code {
                _ = try await service.carts.add(
                    CartItemRequest(variantID: variant.id, storeID: StoreID(), quantity: 1), access,
                    world.context)
            } == "validation.failed")
    }

    @Test func linesThatCannotBeBoughtSayWhy() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let store = StoreID()
        let gone = world.peers.sell("GONE", price: try OrderWorld.pounds(100))
        let shut = world.peers.sell("SHUT", price: try OrderWorld.pounds(100), store: store)
        let scarce = world.peers.sell("SCARCE", price: try OrderWorld.pounds(100), stock: 3)
        let fine = world.peers.sell("FINE", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(gone.id, 1), (shut.id, 1), (scarce.id, 4), (fine.id, 2)])
        world.peers.state.withLock { state in
            state.variants[gone.id] = nil
            state.stores[store]?.isOpen = false
        }
        let view = try await service.carts.view(CartAccess(user: world.customer, token: nil), world.context)
        #expect(
            view.priced.lines.map(\.problem)
                == [.variantUnavailable, .storeUnavailable, .insufficientStock, nil])
        #expect(view.priced.totals == [try OrderWorld.pounds(200)])
        do {
            _ = try await service.checkout.place(world.command(), of: world.customer, key: "k", world.context)
            Issue.record("bought what can't be bought")
        } catch let error as OrderError {
            #expect(error.kind == .conflict)
            #expect(error.fieldErrors.map(\.field) == ["items[0]", "items[1]", "items[2]"])
        }
    }

    @Test func replacingSumsDoublesKeepsIdsAndHoldsTheLimits() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let access = CartAccess(user: world.customer, token: nil)
        let variants = try (0..<1_000).map { world.peers.sell("V\($0)", price: try OrderWorld.pounds(1)) }
        let full = try await service.carts.replace(
            variants.map { CartItemRequest(variantID: $0.id, storeID: nil, quantity: 1) }, access,
            world.context)
        #expect(full.priced.lines.count == 1_000)
        #expect(full.priced.lines.map(\.item.variantID) == variants.map(\.id))
        let extra = world.peers.sell("EXTRA", price: try OrderWorld.pounds(1))
        let request = CartItemRequest(variantID: extra.id, storeID: nil, quantity: 1)
        #expect(await code { _ = try await service.carts.add(request, access, world.context) } == "cart.full")

        let double = CartItemRequest(variantID: variants[7].id, storeID: nil, quantity: 6_000)
        #expect(
            await code { _ = try await service.carts.replace([double, double], access, world.context) }
                == "validation.failed")
        let half = CartItemRequest(variantID: variants[7].id, storeID: nil, quantity: 5_000)
        let summed = try await service.carts.replace([half, half], access, world.context)
        #expect(summed.priced.lines.map(\.item.quantity) == [10_000])
        #expect(summed.priced.lines.first?.item.id == full.priced.lines[7].item.id)
        #expect(
            await code { _ = try await service.carts.add(half, access, world.context) }
                == "cart.quantity_too_large")
    }

    @Test func untouchedCartsArePurged() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("ONE", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.clock.advance(by: .seconds(3_600))
        #expect(try await service.carts.purge(untouchedFor: .seconds(3_600)) == 0)
        world.clock.advance(by: .seconds(1))
        #expect(try await service.carts.purge(untouchedFor: .seconds(3_600)) == 1)
        #expect(try await world.database.scalar("SELECT COUNT(*) FROM cart_items", as: Int.self) == 0)
    }
}
