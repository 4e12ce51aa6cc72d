import HTTPTypes
package import Hummingbird
import HummingbirdCore
import NIOCore
package import SoukAPI
import SoukErrors
import SoukText

extension Request {
    /// The JSON body, read field by field.
    ///
    /// Throws: `ServiceError` 413 `body.too_large`, 415 `media_type.unsupported`; `ValidationError` 400 or 422 with every
    /// field error.
    package func body<B: SoukAPI.RequestBody>(_ type: B.Type, maxBytes: Int = 1 << 20) async throws -> B {
        guard let body = try await optionalBody(type, maxBytes: maxBytes) else {
            throw ValidationError.malformed([
                FieldError(field: "", code: "required", message: "A JSON body is required.")
            ])
        }
        return body
    }

    /// The JSON body as ``body(_:maxBytes:)``; `nil` when there is none.
    package func optionalBody<B: SoukAPI.RequestBody>(_ type: B.Type, maxBytes: Int = 1 << 20) async throws
        -> B?
    {
        let isJSON = isMediaType("application/json")
        if headers[.contentType] != nil, !isJSON { throw Self.unsupportedMediaType }
        // Nothing is decompressed here; RFC 9110, section 8.4.
        if let coding = headers[.contentEncoding], coding.lowercasedASCII() != "identity" {
            throw Self.unsupportedMediaType
        }
        let bytes = try await bytes(maxBytes: maxBytes)
        guard !bytes.isEmpty else { return nil }
        guard isJSON else { throw Self.unsupportedMediaType }
        return try JSONCoding.decodeBody(type, from: bytes)
    }

    /// The body as it came.
    ///
    /// Throws: `ServiceError` 413 `body.too_large`.
    package func bytes(maxBytes: Int = 1 << 20) async throws -> [UInt8] {
        do {
            return Array(buffer: try await body.collect(upTo: maxBytes))
        } catch is NIOTooManyBytesError {
            throw ServiceError.bodyTooLarge(maxBytes)
        }
    }

    /// The body of a form, `application/x-www-form-urlencoded`; the first value of each name.
    ///
    /// Throws: `ServiceError` 413 or 415; `ValidationError` 400 when the encoding is broken.
    package func form(maxBytes: Int = 1 << 14) async throws -> [String: String] {
        guard isMediaType("application/x-www-form-urlencoded") else { throw Self.unsupportedMediaType }
        let text = String(decoding: try await bytes(maxBytes: maxBytes), as: UTF8.self)
        var fields: [String: String] = [:]
        for part in text.split(byte: "&") {
            let sides = part.split(byte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentDecoding.decode(sides[0], plusIsSpace: true),
                let value = PercentDecoding.decode(sides.count == 2 ? sides[1] : "", plusIsSpace: true)
            else {
                throw ValidationError.malformed([
                    FieldError(field: "", code: "malformed", message: "The form is not properly encoded.")
                ])
            }
            if fields[name] == nil { fields[name] = value }
        }
        return fields
    }

    /// The version that `If-Match` names; `nil` when it is not sent or `*`.
    ///
    /// Throws: `ValidationError` 400 when it is not one strong entity tag of ours.
    package func ifMatch() throws -> Int? {
        guard let field = headers[.ifMatch], !field.equals(bytes: "*") else { return nil }
        guard let version = EntityTag.version(field) else {
            throw ValidationError.malformed([
                FieldError(
                    field: "If-Match", code: "format",
                    message: "The value must be an ETag from an earlier answer.")
            ])
        }
        return version
    }

    /// The version that `If-Match` names.
    ///
    /// Throws: `ServiceError` 428 `precondition.required` when it is not sent; `ValidationError` 400 as ``ifMatch()``.
    package func requiredIfMatch() throws -> Int {
        guard let version = try ifMatch() else {
            throw ServiceError(
                .preconditionRequired, code: "precondition.required",
                message: "Send If-Match with the ETag of the version you have seen.")
        }
        return version
    }

    /// The `Idempotency-Key` as sent.
    package var idempotencyKey: String? { headers[.idempotencyKey] }

    private func isMediaType(_ wanted: String) -> Bool {
        guard let field = headers[.contentType] else { return false }
        let parts = field.lowercasedASCII().split(byte: ";").map { $0.removingBlanks() }
        guard parts.first == wanted else { return false }
        return parts.dropFirst().allSatisfy { parameter in
            !parameter.hasPrefix(bytes: "charset=") || parameter == "charset=utf-8"
                || parameter == "charset=\"utf-8\""
        }
    }

    private static var unsupportedMediaType: ServiceError {
        ServiceError(
            .unsupportedMedia, code: "media_type.unsupported",
            message: "The Content-Type or Content-Encoding is not one that is read here.")
    }
}

extension ServiceError {
    static func bodyTooLarge(_ limit: Int) -> ServiceError {
        ServiceError(
            .tooLarge, code: "body.too_large", message: "The body must not have more than \(limit) bytes.")
    }
}
