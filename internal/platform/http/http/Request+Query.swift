package import Hummingbird
import HummingbirdCore
import SoukErrors
package import SoukIDs
package import SoukPagination
import SoukText

extension Request {
    /// The value of a query parameter, decoded; the first when there are several, `nil` when there is none.
    package func queryString(_ name: String) -> String? {
        queryStrings(name).first
    }

    /// All values of a query parameter, decoded, in order.
    package func queryStrings(_ name: String) -> [String] {
        (queryItems() ?? []).filter { $0.name == name }.map(\.value)
    }

    /// A query parameter out of a closed set.
    ///
    /// Throws: `ValidationError` 400 when it is another value.
    package func queryChoice<T: RawRepresentable & CaseIterable>(_ name: String, as type: T.Type = T.self)
        throws -> T?
    where T.RawValue == String {
        let all = T.allCases.map(\.rawValue).joined(separator: ", ")
        return try query(name, "choice", "The value must be one of: \(all).", T.init(rawValue:))
    }

    /// A query parameter that names something.
    ///
    /// Throws: `ValidationError` 400 when it is no UUID.
    package func queryID<Tag>(_ name: String, as type: ID<Tag>.Type = ID<Tag>.self) throws -> ID<Tag>? {
        try query(name, "format", "The value must be a UUID.") { ID<Tag>($0) }
    }

    /// A query parameter that is a whole number in `range`.
    ///
    /// Throws: `ValidationError` 400 when it is not.
    package func queryInt(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws -> Int? {
        let bounds = "between \(range.lowerBound) and \(range.upperBound)"
        let message = "The value must be a whole number\(range == Int.min...Int.max ? "" : " \(bounds)")."
        return try query(name, "integer", message) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A query parameter that is `true` or `false`.
    ///
    /// Throws: `ValidationError` 400 when it is neither.
    package func queryBool(_ name: String) throws -> Bool? {
        try query(name, "boolean", "The value must be true or false.") { Bool($0) }
    }

    /// The page that `page` and `size` ask for; the first 20 items when they are not sent.
    ///
    /// Throws: `ValidationError` 400 when either is out of bounds.
    package func pageRequest() throws -> PageRequest {
        let page = try queryInt("page")
        let size = try queryInt("size")
        return try PageRequest(page: page ?? 1, size: size ?? PageRequest.defaultSize)
    }

    /// The items that `limit` and `cursor` ask for; the first 20 when they are not sent.
    ///
    /// Throws: `ValidationError` 400 when the limit is out of bounds or the cursor is none that was handed out.
    package func cursorRequest() throws -> CursorRequest {
        let limit = try queryInt("limit")
        let cursor = try query("cursor", "cursor", "The value must be a cursor from an earlier answer.") {
            Cursor(encoded: $0)
        }
        return try CursorRequest(limit: limit ?? CursorRequest.defaultLimit, after: cursor)
    }

    /// Names and values of the query, decoded; `nil` when its encoding is broken.
    func queryItems() -> [(name: String, value: String)]? {
        guard let query = uri.query else { return [] }
        var items: [(name: String, value: String)] = []
        for part in query.split(byte: "&") {
            let sides = part.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentDecoding.decode(sides[0], plusIsSpace: true),
                let value = PercentDecoding.decode(sides.count == 2 ? sides[1] : "", plusIsSpace: true)
            else { return nil }
            items.append((name, value))
        }
        return items
    }

    private func query<T>(
        _ name: String, _ code: String, _ message: String, _ parse: (String) -> T?
    ) throws -> T? {
        guard let text = queryString(name) else { return nil }
        guard let value = parse(text) else {
            throw ValidationError.malformed([FieldError(field: name, code: code, message: message)])
        }
        return value
    }
}

extension RequestContext {
    /// The identifier in the path.
    ///
    /// Throws: `ServiceError` 404 `not_found` when it is no UUID: nothing can have such a name.
    package func id<Tag>(_ name: String = "id", as type: ID<Tag>.Type = ID<Tag>.self) throws -> ID<Tag> {
        guard let id = ID<Tag>(try parameter(name)) else { throw ServiceError.noSuchPath }
        return id
    }

    /// A part of the path, decoded.
    ///
    /// Throws: `ServiceError` 404 `not_found` when it does not decode.
    package func parameter(_ name: String) throws -> String {
        guard let raw = parameters.get(name), let text = PercentDecoding.decode(raw, plusIsSpace: false)
        else {
            throw ServiceError.noSuchPath
        }
        return text
    }
}

extension ServiceError {
    static var noSuchPath: ServiceError {
        ServiceError(.notFound, code: "not_found", message: "There is nothing here.")
    }
}
