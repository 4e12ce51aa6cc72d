import FoundationEssentials
package import SoukErrors

/// JSON as the HTTP interface speaks it: snake_case names, keys in no particular order, slashes left alone.
///
/// Keys of `[String: …]` dictionaries are data, not names, and are written as they are. Safe from any thread.
package enum JSONCoding {
    /// The value as UTF-8 JSON.
    ///
    /// Throws: `EncodingError` when the value has no JSON form, as a NaN.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .withoutEscapingSlashes
        return [UInt8](try encoder.encode(value))
    }

    /// A value out of UTF-8 JSON, names converted from snake_case: for answers and stored documents.
    ///
    /// Requests are read with ``decodeBody(_:from:)`` instead, which says what is wrong with which field.
    ///
    /// Throws: `DecodingError`.
    package static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(bytes))
    }

    /// A request body out of UTF-8 JSON, with every field error reported at once.
    ///
    /// Throws: `ValidationError`: 400 `request.invalid` when the text is not a JSON object, a value has the wrong type or
    /// a field is unknown; 422 `validation.failed` when only rules about values are broken.
    package static func decodeBody<B: RequestBody>(_ type: B.Type, from bytes: [UInt8])
        throws(ValidationError) -> B
    {
        let parsed: ParsedBody<B>
        do {
            parsed = try JSONDecoder().decode(ParsedBody<B>.self, from: Data(bytes))
        } catch {
            throw .malformed([
                FieldError(field: "", code: "malformed", message: "The body must be one JSON object.")
            ])
        }
        return try parsed.outcome.get()
    }
}
