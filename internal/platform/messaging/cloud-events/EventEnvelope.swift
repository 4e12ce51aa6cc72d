package import Foundation
package import SoukTime
import SoukText

/// An event and what CloudEvents 1.0 says about it, in the binary binding (attributes are headers, data is
/// the body).
///
/// Sources: CloudEvents 1.0.2 §3 (attributes), "Kafka Protocol Binding" §3.2 (`ce_` headers, `content-type`),
/// and the "Distributed Tracing" extension (`traceparent`).
package struct EventEnvelope: Sendable, Hashable {
    /// Unique within the source; a UUIDv7 for events made here.
    package let id: String
    /// The service that published it as a URI reference, for example `/souk/order`.
    package let source: String
    /// For example `order.paid.v1`.
    package let type: String
    /// The key: the aggregate that the event is about.
    package let subject: String
    /// When it happened.
    package let time: Timestamp
    /// The W3C trace context of the work that published it, if that was traced.
    package let traceparent: String?
    /// The event as JSON (UTF-8).
    package let data: [UInt8]

    package init(
        id: String, source: String, type: String, subject: String, time: Timestamp, traceparent: String?,
        data: [UInt8]
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.time = time
        self.traceparent = traceparent
        self.data = data
    }

    /// Wraps an event.
    ///
    /// - Throws: ``EnvelopeError/unencodableData(type:reason:)`` when JSON cannot hold it (a non-finite
    ///   number).
    package init<E: Event>(
        _ event: E, id: String, source: String, time: Timestamp, traceparent: String?
    ) throws(EnvelopeError) {
        let data: [UInt8]
        do {
            data = [UInt8](try Self.encoder.encode(event))
        } catch {
            throw .unencodableData(type: E.type, reason: "\(error)")
        }
        self.init(
            id: id, source: source, type: E.type, subject: event.key, time: time, traceparent: traceparent,
            data: data)
    }

    // MARK: - Headers

    /// The only content type of an event's data.
    package static let contentType = "application/json"

    /// The attributes as headers; the body beside them is ``data``.
    package func headers() -> [String: String] {
        var headers = [
            Header.specVersion: "1.0", Header.id: id, Header.source: source, Header.type: type,
            Header.subject: subject, Header.time: time.rfc3339, Header.contentType: Self.contentType,
        ]
        headers[Header.traceparent] = traceparent
        return headers
    }

    /// Reads an event from its headers and body. The data stays unread until ``decode(_:)``; unknown headers
    /// are ignored.
    ///
    /// - Throws: ``EnvelopeError/missingAttribute(_:)`` without `ce_id`, `ce_source`, `ce_type`,
    ///   `ce_specversion`, `ce_subject` or `ce_time`; ``EnvelopeError/invalidAttribute(_:value:)`` for
    ///   another major version, an unreadable time, or a content type other than JSON.
    package init(headers: [String: String], payload: [UInt8]) throws(EnvelopeError) {
        func required(_ name: String) throws(EnvelopeError) -> String {
            guard let value = headers[name], !value.isEmpty else { throw .missingAttribute(name) }
            return value
        }
        let version = try required(Header.specVersion)
        guard version == "1.0" else { throw .invalidAttribute(Header.specVersion, value: version) }
        let timeText = try required(Header.time)
        guard let time = Timestamp(rfc3339: timeText) else {
            throw .invalidAttribute(Header.time, value: timeText)
        }
        if let contentType = headers[Header.contentType] {
            let mediaType = contentType.prefix(beforeByte: ";").removingBlanks().lowercasedASCII()
            guard mediaType == Self.contentType else {
                throw .invalidAttribute(Header.contentType, value: contentType)
            }
        }
        self.init(
            id: try required(Header.id), source: try required(Header.source), type: try required(Header.type),
            subject: try required(Header.subject), time: time, traceparent: headers[Header.traceparent],
            data: payload)
    }

    // MARK: - Data

    /// The event itself.
    ///
    /// - Throws: ``EnvelopeError/undecodableData(type:reason:)`` when the data is not an `E`.
    package func decode<E: Event>(_: E.Type) throws(EnvelopeError) -> E {
        do {
            return try Self.decoder.decode(E.self, from: Data(data))
        } catch {
            throw .undecodableData(type: E.type, reason: "\(error)")
        }
    }

    /// Writes events: snake_case, keys sorted so that the same event is the same bytes.
    package static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// Reads events: snake_case; keys it does not know are ignored, so a field may be added without a new
    /// version.
    package static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()
}

/// The header names of the Kafka binary binding.
private enum Header {
    static let specVersion = "ce_specversion"
    static let id = "ce_id"
    static let source = "ce_source"
    static let type = "ce_type"
    static let subject = "ce_subject"
    static let time = "ce_time"
    static let traceparent = "ce_traceparent"
    static let contentType = "content-type"
}
