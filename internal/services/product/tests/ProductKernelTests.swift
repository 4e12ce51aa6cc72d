import SoukCallContext
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukProductRPC
import SoukRPCRuntime
import SoukRPCTesting
import Testing

@testable import SoukProduct

/// What a ``ProductKernel`` promises, on every route that leads to it.
@Suite struct ProductKernelTests {
    private static func run(
        _ route: KernelRoute, _ body: (ProductFixture, any ProductKernel) async throws -> Void
    ) async throws {
        let fixture = try await ProductFixture()
        let kernel = fixture.service.kernel
        try await route.run(
            local: kernel, RPCService(ProductKernelService(kernel: kernel), access: .services(["order"])),
            of: "product", as: "order",
            inProcess: { RemoteProductKernel($0) }, socket: { RemoteProductKernel($0) }
        ) { try await body(fixture, $0) }
    }

    private static let call = CallContext.background("test")

    @Test(arguments: KernelRoute.allCases)
    func variantsAsTheyStandAndUnknownOnesLeftOut(route: KernelRoute) async throws {
        try await Self.run(route) { (fixture, kernel) async throws in
            let tea = try await fixture.make("Tea", sku: "T-1", price: 450)
            let draft = try await fixture.make("Draft", sku: "D-1", status: "draft")
            func id(_ product: JSON) throws -> VariantID {
                try #require(product["variants"].items.first?["id"].string.flatMap { VariantID($0) })
            }
            let (teaID, draftID) = (try id(tea), try id(draft))
            let gbp = try #require(Currency("GBP"))
            let found = try await kernel.variants([teaID, VariantID(), draftID], Self.call)
            #expect(Set(found.map(\.id)) == [teaID, draftID])
            let variant = try #require(found.first { $0.sku == "T-1" })
            #expect(variant.price == Money(450, gbp))
            #expect(variant.title == "Tea" && variant.isPurchasable && variant.vendorID == fixture.annsVendor)
            #expect(found.first { $0.sku == "D-1" }?.isPurchasable == false)
            #expect(try await kernel.variants([], Self.call).isEmpty)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func batchesAndTimeAreBounded(route: KernelRoute) async throws {
        try await Self.run(route) { (_, kernel) async throws in
            let ids = (0..<1_000).map { _ in VariantID() }
            #expect(try await kernel.variants(ids, Self.call).isEmpty)
            await #expect(throws: ProductKernelError.self) {
                try await kernel.variants(ids + [VariantID()], Self.call)
            }
            let late = CallContext(requestID: "late", deadline: .now - .seconds(1))
            await #expect(throws: ProductKernelError.self) { try await kernel.variants([ids[0]], late) }
        }
    }
}
