import SoukAPI
import SoukIdentifiers

/// `POST /api/v1/admin/categories`.
struct CreateCategoryBody: RequestBody {
    let draft: CategoryDraft

    init(_ fields: FieldReader) {
        draft = CategoryDraft(
            name: fields.string("name", length: CategoryFields.name, text: .line),
            slug: fields.optionalSlug("slug"), parentID: fields.optionalID("parent_id"),
            position: fields.optionalInt("position", in: CategoryFields.positions) ?? 0)
    }
}

/// `PATCH /api/v1/admin/categories/{id}`; `"parent_id": null` moves it to the top.
struct ChangeCategoryBody: RequestBody {
    let change: CategoryChange

    init(_ fields: FieldReader) {
        let parent = fields.optionalID("parent_id", as: CategoryID.self).map(CategoryChange.Parent.category)
        change = CategoryChange(
            name: fields.optionalString("name", length: CategoryFields.name, text: .line),
            slug: fields.optionalSlug("slug"),
            position: fields.optionalInt("position", in: CategoryFields.positions),
            parent: parent ?? (fields.has("parent_id") ? .top : nil))
    }
}

enum CategoryFields {
    static let name = 1...100
    static let positions = 0...10_000
}
