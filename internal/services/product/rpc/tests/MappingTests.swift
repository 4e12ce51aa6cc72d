import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukProto
import SoukRPCRuntime
import Testing

@testable import SoukProductRPC

@Suite struct MappingTests {
    private let variant = VariantSnapshot(
        id: VariantID(), productID: ProductID(), vendorID: VendorID(), sku: "A-1", title: "Tëa",
        attributes: ["size": "M"], price: Money(-5, .init("JPY") ?? Currency.all[0]), isPurchasable: true)

    @Test func aVariantSurvivesTheWire() throws {
        #expect(try VariantSnapshot(wire: variant.wire) == variant)
    }

    @Test func malformedVariantsAreRefused() {
        var noID = variant.wire
        noID.id = "x"
        var noPrice = variant.wire
        noPrice.clearPrice()
        for message in [noID, noPrice] {
            #expect(throws: MalformedMessage.self) { try VariantSnapshot(wire: message) }
        }
    }
}
