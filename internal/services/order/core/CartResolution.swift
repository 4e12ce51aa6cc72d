import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukProductKernel
import SoukVendorKernel

/// Finds the store for each requested line and refuses what the shop doesn't sell.
struct CartResolution: Sendable {
    let catalogue: Catalogue
    /// The lines there are: a variant without a named store goes to the store where it is bought already.
    let standing: [CartItem]

    /// The lines to put in, each variant of a store once.
    ///
    /// - Parameter path: the place of a request in the body, for errors: `items[3]`.
    /// - Throws: `ValidationError` with every line that can't be taken.
    func resolve(
        _ requests: [CartItemRequest], path: (Int) -> String
    ) throws(ValidationError) -> [CartItem] {
        var errors: [FieldError] = []
        var lines: [Key: CartItem] = [:]
        var order: [Key] = []
        for (index, request) in requests.enumerated() {
            func refuse(_ field: String, _ code: String, _ message: String) {
                let prefix = path(index)
                errors.append(
                    FieldError(
                        field: prefix.isEmpty ? field : "\(prefix).\(field)", code: code, message: message))
            }
            guard let variant = catalogue.variants[request.variantID], variant.isPurchasable else {
                refuse("variant_id", "variant.unavailable", "This variant can't be bought.")
                continue
            }
            guard let store = store(for: request, of: variant) else {
                if request.storeID == nil {
                    refuse("variant_id", "store.none", "No open store sells this variant.")
                } else {
                    refuse("store_id", "store.unavailable", "This store doesn't sell this variant.")
                }
                continue
            }
            let key = Key(variantID: request.variantID, storeID: store)
            let quantity = (lines[key]?.quantity ?? 0) + request.quantity
            guard quantity <= Cart.maximumQuantity else {
                refuse("quantity", "range", "At most \(Cart.maximumQuantity) of one item can be in a cart.")
                continue
            }
            if lines[key] == nil { order.append(key) }
            let id = lines[key]?.id ?? standingLine(key)?.id ?? CartItemID()
            lines[key] = CartItem(id: id, variantID: request.variantID, storeID: store, quantity: quantity)
        }
        guard errors.isEmpty else { throw ValidationError(errors) }
        return order.compactMap { lines[$0] }
    }

    private struct Key: Hashable {
        let variantID: VariantID
        let storeID: StoreID
    }

    private func standingLine(_ key: Key) -> CartItem? {
        standing.first { $0.variantID == key.variantID && $0.storeID == key.storeID }
    }

    private func store(for request: CartItemRequest, of variant: VariantSnapshot) -> StoreID? {
        let offers = catalogue.offers(of: variant)
        if let wanted = request.storeID {
            return offers.contains { $0.storeID == wanted } ? wanted : nil
        }
        let bought = standing.first { item in
            item.variantID == request.variantID && offers.contains { $0.storeID == item.storeID }
        }
        return bought?.storeID ?? offers.first?.storeID
    }
}
