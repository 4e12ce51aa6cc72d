import SoukAPI
import SoukIDs
import SoukIdentifiers
import SoukMoney

/// What an admin sends to refund.
struct RefundBody: RequestBody {
    /// nil for all that is left.
    let amount: Money?
    let reason: String
    /// nil to spread it over all vendors.
    let vendorID: VendorID?

    init(_ fields: FieldReader) {
        amount = fields.optionalMoney("amount", min: 1)
        reason = fields.string("reason", length: 1...500)
        vendorID = fields.optionalID("vendor_id", as: VendorID.self)
    }
}

/// A vendor's commission.
struct CommissionBody: RequestBody {
    let basisPoints: Int64

    init(_ fields: FieldReader) {
        let rates = Int(Commission.rates.lowerBound)...Int(Commission.rates.upperBound)
        basisPoints = Int64(fields.int("basis_points", in: rates))
    }
}

/// Nothing to say.
struct EmptyBody: RequestBody {
    init(_ fields: FieldReader) {}
}
