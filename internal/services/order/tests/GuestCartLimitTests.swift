import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukProductKernel
import SoukTesting
import SoukTime
import Testing

@testable import SoukOrder

/// What people who are not signed in can have stored.
@Suite struct GuestCartLimitTests {
    private func guest(_ network: String = "here", token: String? = nil) -> CartAccess {
        CartAccess(user: nil, token: token, network: network)
    }

    private func add(
        _ variant: VariantSnapshot, _ access: CartAccess, _ service: OrderService, _ world: OrderWorld
    ) async throws -> String? {
        try await service.carts.add(
            CartItemRequest(variantID: variant.id, storeID: nil, quantity: 1), access, world.context
        ).newToken
    }

    private func carts(_ world: OrderWorld) async throws -> Int? {
        try await world.database.scalar("SELECT COUNT(*) FROM carts")
    }

    @Test func aNetworkOpensSoManyCartsAnHour() async throws {
        let world = try await OrderWorld()
        let service = try await world.start { $0.guestCarts.perHour = 3 }
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        var token: String?
        for _ in 0..<3 {
            token = try await add(variant, guest(), service, world)
            world.clock.advance(by: .seconds(60))
        }
        await #expect(throws: OrderError.tooManyGuestCarts(.seconds(3_600 - 180))) {
            _ = try await add(variant, guest(), service, world)
        }
        // A guest who has one goes on, and other networks are not concerned.
        #expect(try await add(variant, guest(token: token), service, world) == nil)
        #expect(try await add(variant, guest("elsewhere"), service, world) != nil)
        world.clock.advance(by: .seconds(3_600 - 180))
        #expect(try await add(variant, guest(), service, world) != nil)
        #expect(try await carts(world) == 5)
    }

    @Test func aNetworkHasSoManyCartsAtATime() async throws {
        let world = try await OrderWorld()
        let service = try await world.start { $0.guestCarts.perNetwork = 2 }
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        for _ in 0..<2 {
            _ = try await add(variant, guest(), service, world)
            world.clock.advance(by: .seconds(7_200))
        }
        await #expect(throws: OrderError.tooManyGuestCarts(.seconds(3_600))) {
            _ = try await add(variant, guest(), service, world)
        }
    }

    @Test func manyAtOnceOpenNoMore() async throws {
        let world = try await OrderWorld()
        let service = try await world.start { $0.guestCarts.perHour = 100 }
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let opened = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<150 {
                group.addTask { (try? await add(variant, guest(), service, world)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(opened == 100)
        #expect(try await carts(world) == 100)
    }

    @Test func aGuestsCartHasSoManyLines() async throws {
        let world = try await OrderWorld()
        let service = try await world.start { $0.guestCarts.lines = 2 }
        let variants = try (0..<3).map { world.peers.sell("S\($0)", price: try OrderWorld.pounds(100)) }
        let lines = variants.map { CartItemRequest(variantID: $0.id, storeID: nil, quantity: 1) }
        await #expect(throws: OrderError.guestCartFull(2)) {
            _ = try await service.carts.replace(lines, guest(), world.context)
        }
        #expect(try await carts(world) == 0)
        let token = try #require(
            try await service.carts.replace(Array(lines.prefix(2)), guest(), world.context).newToken)
        await #expect(throws: OrderError.guestCartFull(2)) {
            _ = try await add(variants[2], guest(token: token), service, world)
        }
        // Somebody who is signed in has the whole cart.
        let mine = CartAccess(user: world.customer, token: token)
        #expect(try await service.carts.replace(lines, mine, world.context).priced.lines.count == 3)
    }

    @Test func nothingIsStoredWithoutALineThatCanBeBought() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        #expect(try await service.carts.replace([], guest(), world.context).newToken == nil)
        let unknown = CartItemRequest(variantID: VariantID(), storeID: nil, quantity: 1)
        await #expect(throws: (any Error).self) {
            _ = try await service.carts.add(unknown, guest(), world.context)
        }
        #expect(try await carts(world) == 0)
    }

    @Test func aCartIsKeptLongOnceItWasTouchedTwice() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let (short, long) = (GuestCartLimits().untouchedLifetime, service.configuration.cartLifetime)
        _ = try await add(variant, guest(), service, world)
        let token = try await add(variant, guest(), service, world)
        _ = try await add(variant, guest(token: token), service, world)
        try await world.fill(service, [(variant.id, 1)])

        world.clock.advance(by: short)
        #expect(try await service.carts.purge(untouchedFor: long) == 0)
        world.clock.advance(by: .seconds(1))
        #expect(try await service.carts.purge(untouchedFor: long) == 1)
        #expect(
            try await service.carts.view(guest(token: token), world.context).priced.lines.map(\.item.quantity)
                == [2])
        world.clock.advance(by: long)
        #expect(try await service.carts.purge(untouchedFor: long) == 2)
    }

    @Test func anAddressIsNotStored() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        _ = try await add(variant, guest("198.51.100.7"), service, world)
        let network = try await world.database.scalar("SELECT network FROM carts", as: String.self)
        #expect(network?.count == 64)
    }
}
