/// One statement whose values are always bound, never spliced into its text.
///
///     let sql: SQL = "SELECT name FROM products WHERE store_id = \(storeID) AND price >= \(least)"
///
/// Interpolating a value binds it; `raw:` splices constant text; `sql:` nests another statement with its
/// bindings; `list:` binds each element for `IN (…)`.
package struct SQL: ExpressibleByStringInterpolation, Sendable, Hashable {
    /// A run of text, or a place where the driver puts its placeholder.
    package enum Fragment: Sendable, Hashable {
        case text(String)
        case value(SQLValue)
        /// The elements of an empty `list:`. SQLite takes `IN ()`; drivers of other databases spell it their way.
        case emptyList
    }

    /// The statement in order.
    package private(set) var fragments: [Fragment]

    /// A statement of constant text alone. The text must not come from outside the program.
    package init(raw text: String) {
        fragments = [.text(text)]
    }

    package init(stringLiteral text: String) {
        self.init(raw: text)
    }

    package init(stringInterpolation: StringInterpolation) {
        fragments = stringInterpolation.fragments
    }

    /// The text with `?` for each bound value, in the order of ``bindings``.
    package var text: String {
        // Statements without values are the whole text already.
        if fragments.count == 1, case .text(let text) = fragments[0] { return text }
        var text = ""
        for fragment in fragments {
            switch fragment {
            case .text(let run): text += run
            case .value: text += "?"
            case .emptyList: break
            }
        }
        return text
    }

    /// The bound values, in the order of their placeholders.
    package var bindings: [SQLValue] {
        fragments.compactMap { if case .value(let value) = $0 { value } else { nil } }
    }

    /// Both statements' text and bindings, one after the other, with nothing between.
    package static func + (first: SQL, second: SQL) -> SQL {
        var sum = first
        sum.fragments += second.fragments
        return sum
    }

    /// Appends a statement's text and bindings.
    package static func += (first: inout SQL, second: SQL) {
        first.fragments += second.fragments
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var fragments: [Fragment] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            fragments.reserveCapacity(2 * interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: String) {
            if !literal.isEmpty { fragments.append(.text(literal)) }
        }

        /// Binds a value.
        package mutating func appendInterpolation(_ value: some SQLBindable) {
            fragments.append(.value(value.sqlValue))
        }

        /// Binds a value, or `NULL` for nil.
        package mutating func appendInterpolation(_ value: (some SQLBindable)?) {
            fragments.append(.value(value.sqlValue))
        }

        /// Splices constant text, such as a column list or a sort order chosen by a `switch`.
        package mutating func appendInterpolation(raw text: String) {
            fragments.append(.text(text))
        }

        /// Nests a statement with its bindings.
        package mutating func appendInterpolation(sql: SQL) {
            fragments += sql.fragments
        }

        /// Binds each element, separated by commas; an empty list matches nothing in `IN (…)`.
        package mutating func appendInterpolation(list values: [some SQLBindable]) {
            guard !values.isEmpty else { return fragments.append(.emptyList) }
            for (index, value) in values.enumerated() {
                if index > 0 { fragments.append(.text(", ")) }
                fragments.append(.value(value.sqlValue))
            }
        }
    }
}

extension [SQL] {
    /// The statements with `separator` between them, such as the rows of a `VALUES` list or the terms of a filter.
    package func joined(separator: String) -> SQL {
        var joined = SQL(raw: "")
        for (index, sql) in enumerated() {
            if index > 0 { joined += SQL(raw: separator) }
            joined += sql
        }
        return joined
    }
}
