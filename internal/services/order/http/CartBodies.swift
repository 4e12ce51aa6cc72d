import SoukAPI
import SoukIdentifiers

// In a file without Hummingbird, whose request bodies have the same name as ours.

struct CartItemsBody: RequestBody {
    let items: [CartItemBody]

    init(_ fields: FieldReader) {
        items = fields.array("items", count: 0...Cart.maximumLines, of: CartItemBody.self)
    }
}

struct CartItemBody: RequestBody {
    let request: CartItemRequest

    init(_ fields: FieldReader) {
        request = CartItemRequest(
            variantID: fields.id("variant_id"), storeID: fields.optionalID("store_id"),
            quantity: fields.int("quantity", in: 1...Cart.maximumQuantity))
    }
}

struct CartQuantityBody: RequestBody {
    let quantity: Int

    init(_ fields: FieldReader) {
        quantity = fields.int("quantity", in: 1...Cart.maximumQuantity)
    }
}
