package import SoukPagination

/// A successful answer: `{"data": …, "meta": {…}}`.
package struct Envelope<Value: Sendable>: Sendable {
    /// The thing asked for; an array for lists.
    package let data: Value
    /// Where a list stands; empty for single things.
    package let meta: Meta

    /// An answer with this content.
    package init(data: Value, meta: Meta = Meta()) {
        self.data = data
        self.meta = meta
    }
}

extension Envelope: Encodable where Value: Encodable {}
extension Envelope: Decodable where Value: Decodable {}
extension Envelope: Equatable where Value: Equatable {}

/// Where a list stands. Members that do not apply are left out of the JSON.
package struct Meta: Sendable, Hashable, Codable {
    /// Number of the page, from 1.
    package let page: Int?
    /// Items on a full page.
    package let size: Int?
    /// Items of the whole list.
    package let totalCount: Int?
    /// Pages of the whole list.
    package let totalPages: Int?
    /// Whether there is more after this.
    package let hasMore: Bool?
    /// What to send as `cursor` for the next items; left out at the end.
    package let nextCursor: String?

    /// No list at all.
    package init() {
        page = nil
        size = nil
        totalCount = nil
        totalPages = nil
        hasMore = nil
        nextCursor = nil
    }

    /// Where a numbered page stands.
    package init<Item>(_ page: Page<Item>) {
        self.page = page.request.page
        size = page.request.size
        totalCount = page.totalCount
        totalPages = page.totalPages
        hasMore = page.hasMore
        nextCursor = nil
    }

    /// Where a page by cursor stands.
    package init<Item>(_ page: CursorPage<Item>) {
        self.page = nil
        size = nil
        totalCount = nil
        totalPages = nil
        hasMore = page.next != nil
        nextCursor = page.next?.encoded
    }
}
