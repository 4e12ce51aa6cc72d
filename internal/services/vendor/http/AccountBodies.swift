import SoukAPI

/// `POST /api/v1/vendors` and `POST /api/v1/stores`.
struct OpenAccountBody: RequestBody {
    let name: String
    let slug: String?
    let description: String?

    init(_ fields: FieldReader) {
        name = fields.string("name", length: 1...120, text: .line)
        slug = fields.optionalSlug("slug")
        description = fields.optionalString("description", length: 1...2_000)
    }
}

/// `PATCH /api/v1/vendors/me`.
struct ChangeVendorBody: RequestBody {
    let changes: VendorChanges

    init(_ fields: FieldReader) {
        var changes = VendorChanges()
        changes.name = fields.optionalString("name", length: 1...120, text: .line)
        changes.description = fields.changedText("description")
        self.changes = changes
    }
}

/// `PATCH /api/v1/stores/{id}`.
struct ChangeStoreBody: RequestBody {
    let changes: StoreChanges

    init(_ fields: FieldReader) {
        var changes = StoreChanges()
        changes.name = fields.optionalString("name", length: 1...120, text: .line)
        changes.description = fields.changedText("description")
        changes.status = fields.optionalChoice("status")
        self.changes = changes
    }
}

/// An admin's decision about a vendor; the body may be left out.
struct DecisionBody: RequestBody {
    let reason: String?

    init(_ fields: FieldReader) {
        reason = fields.optionalString("reason", length: 1...500)
    }
}

extension FieldReader {
    /// A text that `null` takes away; nil when it is not mentioned.
    fileprivate func changedText(_ name: String) -> String?? {
        has(name) ? .some(optionalString(name, length: 1...2_000)) : nil
    }
}
