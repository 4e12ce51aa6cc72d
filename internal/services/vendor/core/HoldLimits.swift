import SoukTime

/// How much stock one holder may have in unpaid orders.
///
/// A hold beyond the share is a large one. Large holds are short, and after some of them ended unpaid there are no more for a
/// time: a customer may buy all there is, but nobody can keep it from the others.
struct HoldLimits: Sendable, Hashable {
    /// Percent of what a store has of a SKU.
    var share = 50
    /// However little a store has, so many are never a large hold.
    var units = 5
    /// How many large holds of a SKU may end unpaid within ``coolDown``.
    var attempts = 3
    var coolDown: Duration = .seconds(86_400)

    /// What one holder may have of so many on hand without its being a large hold.
    func most(of onHand: Int) -> Int { max(units, onHand * share / 100) }
}

/// What a holder has of one item.
struct HolderRecord: Sendable, Hashable {
    /// In holds that stand.
    let held: Int
    /// Large holds of it that ended unpaid.
    let givenUp: Int
}
