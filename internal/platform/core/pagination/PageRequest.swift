package import SoukErrors

/// Which page of a numbered list is wanted.
package struct PageRequest: Sendable, Hashable {
    /// Sizes that may be asked for.
    package static let sizes = 1...100
    /// The size when none is asked for.
    package static let defaultSize = 20

    /// Counts from 1.
    package let page: Int
    /// Items on a full page, 1...100.
    package let size: Int

    /// The first page, when nothing is said.
    ///
    /// Throws: `ValidationError` of kind `.invalid` naming `page` or `size` or both.
    package init(page: Int = 1, size: Int = PageRequest.defaultSize) throws(ValidationError) {
        var errors: [FieldError] = []
        if page < 1 {
            errors.append(FieldError(field: "page", code: "out_of_range", message: "Pages count from 1."))
        }
        if !Self.sizes.contains(size) {
            errors.append(
                FieldError(
                    field: "size", code: "out_of_range",
                    message: "A page has \(Self.sizes.lowerBound) to \(Self.sizes.upperBound) items."))
        }
        guard errors.isEmpty else { throw .malformed(errors) }
        self.page = page
        self.size = size
    }

    /// Items before the page; saturates for absurd page numbers.
    package var offset: Int {
        let (product, overflow) = (page - 1).multipliedReportingOverflow(by: size)
        return overflow ? .max : product
    }
}

/// One page of a numbered list, and how many items there are in all.
package struct Page<Item: Sendable>: Sendable {
    /// At most `request.size` items, in the order of the list; empty past the end.
    package let items: [Item]
    /// What was asked for.
    package let request: PageRequest
    /// Items of the whole list when the page was read.
    package let totalCount: Int

    /// A page as read from a store.
    package init(items: [Item], request: PageRequest, totalCount: Int) {
        self.items = items
        self.request = request
        self.totalCount = totalCount
    }

    /// Pages of the whole list; 0 when it is empty.
    package var totalPages: Int { totalCount / request.size + (totalCount % request.size == 0 ? 0 : 1) }

    /// Whether there is a page after this one.
    package var hasMore: Bool { request.page < totalPages }

    /// The same page with every item transformed.
    package func map<U: Sendable>(_ transform: (Item) throws -> U) rethrows -> Page<U> {
        Page<U>(items: try items.map(transform), request: request, totalCount: totalCount)
    }
}

extension Page: Equatable where Item: Equatable {}
