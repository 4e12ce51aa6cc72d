import SoukCallContext
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukVendorKernel

/// What the shop says about some variants now: what they are, what they cost and where they can be had.
struct Catalogue: Sendable {
    let variants: [VariantID: VariantSnapshot]
    /// Best stocked store first.
    let offers: [VendorSKU: [StockOffer]]

    func offers(of variant: VariantSnapshot) -> [StockOffer] {
        offers[VendorSKU(vendorID: variant.vendorID, sku: variant.sku)] ?? []
    }
}

/// Why a line can't be bought as it stands.
enum LineProblem: String, Sendable, CaseIterable {
    /// The product is gone, or not published.
    case variantUnavailable = "variant_unavailable"
    /// The store is closed or doesn't list it any more.
    case storeUnavailable = "store_unavailable"
    case insufficientStock = "insufficient_stock"
}

/// A line with what the shop says of it now.
struct PricedLine: Sendable, Hashable {
    let item: CartItem
    /// Nil when the shop doesn't know the variant any more.
    let variant: VariantSnapshot?
    /// Nil when the store doesn't sell it now.
    let offer: StockOffer?
    /// Unit price times quantity; nil without a variant.
    let total: Money?
    /// Nil when the line can be bought.
    let problem: LineProblem?
}

/// A cart at the prices of this moment.
struct PricedCart: Sendable, Hashable {
    /// Nil when nothing was ever put in.
    let cart: Cart?
    let lines: [PricedLine]
    /// What the lines that can be bought cost, one sum per currency, by currency code.
    let totals: [Money]

    static let empty = PricedCart(cart: nil, lines: [], totals: [])
}

/// Asks the shop for prices and stock.
struct CartPricing: Sendable {
    let products: any ProductKernel
    let vendors: any VendorKernel

    /// What the shop says of these variants, in two calls whatever their number.
    ///
    /// - Parameter variants: at most 1,000 different ones.
    /// - Throws: `ProductKernelError.unavailable`, `VendorKernelError.unavailable`.
    func catalogue(_ variants: some Sequence<VariantID>, _ context: CallContext) async throws -> Catalogue {
        let ids = Array(Set(variants))
        guard !ids.isEmpty else { return Catalogue(variants: [:], offers: [:]) }
        let snapshots = try await products.variants(ids, context)
        let skus = Set(
            snapshots.filter(\.isPurchasable).map { VendorSKU(vendorID: $0.vendorID, sku: $0.sku) })
        let offers = skus.isEmpty ? [] : try await vendors.offers(Array(skus), context)
        return Catalogue(
            variants: Dictionary(snapshots.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }),
            offers: Dictionary(grouping: offers) { VendorSKU(vendorID: $0.vendorID, sku: $0.sku) })
    }

    /// The cart at the catalogue's prices.
    ///
    /// - Throws: `MoneyError.overflow`.
    func price(_ cart: Cart, by catalogue: Catalogue) throws(MoneyError) -> PricedCart {
        var lines: [PricedLine] = []
        lines.reserveCapacity(cart.items.count)
        var totals: [Currency: Money] = [:]
        for item in cart.items {
            let line = try Self.price(item, by: catalogue)
            lines.append(line)
            guard line.problem == nil, let total = line.total else { continue }
            totals[total.currency] = try (totals[total.currency] ?? .zero(total.currency)).adding(total)
        }
        return PricedCart(
            cart: cart, lines: lines, totals: totals.values.sorted { $0.currency.code < $1.currency.code })
    }

    private static func price(_ item: CartItem, by catalogue: Catalogue) throws(MoneyError) -> PricedLine {
        guard let variant = catalogue.variants[item.variantID] else {
            return PricedLine(item: item, variant: nil, offer: nil, total: nil, problem: .variantUnavailable)
        }
        let total = try variant.price.multiplied(by: Int64(item.quantity))
        let offer = catalogue.offers(of: variant).first { $0.storeID == item.storeID }
        let problem: LineProblem? =
            if !variant.isPurchasable {
                .variantUnavailable
            } else if let offer {
                offer.available < item.quantity ? .insufficientStock : nil
            } else {
                .storeUnavailable
            }
        return PricedLine(item: item, variant: variant, offer: offer, total: total, problem: problem)
    }
}
