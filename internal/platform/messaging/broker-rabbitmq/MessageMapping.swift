import CRabbitMQ
import SoukBroker
import SoukText

/// How a message of ours is an AMQP 0-9-1 message, and back; every header set survives the round trip.
///
/// | ours | AMQP |
/// |---|---|
/// | id | property `message-id` |
/// | header `ce_x` | header `cloudEvents:x` (CloudEvents AMQP binding 1.0.2 §3.1.3.1) |
/// | header `content-type` | property `content-type` (§3.1.1) |
/// | header that would be taken for one of the right-hand column | `souk-header:` and its name |
/// | other headers | headers of the same name |
/// | key | header `souk-key` |
/// | position | header `souk-position` |
enum MessageMapping {
    static let keyHeader = "souk-key"
    static let positionHeader = "souk-position"
    private static let eventPrefix = "ce_"
    private static let amqpEventPrefix = "cloudEvents:"
    private static let escapePrefix = "souk-header:"
    private static let contentType = "content-type"
    /// Short strings (names of headers, most properties) are counted in one byte.
    private static let shortString = 255
    /// Properties and headers travel in one frame of 128 KiB.
    private static let maximumPropertiesBytes = 100_000

    // MARK: - Publishing

    /// - Throws: ``BrokerError/Reason/invalidArgument`` for an id or a name that AMQP cannot hold,
    ///   ``BrokerError/Reason/messageTooLarge``.
    static func check(_ message: BrokerMessage, maximumBytes: Int) throws(BrokerError) -> Int {
        guard message.id.utf8.count <= shortString else {
            throw BrokerError(.invalidArgument, detail: "an id has at most \(shortString) bytes")
        }
        var properties = message.id.utf8.count + message.key.utf8.count
        for (name, value) in message.headers {
            let amqpName = Self.amqpName(name)
            guard (1...shortString).contains(amqpName.utf8.count) else {
                throw BrokerError(.invalidArgument, detail: "a header's name is too long or empty")
            }
            properties += amqpName.utf8.count + value.utf8.count + 8
        }
        let size = properties + message.payload.count
        guard size <= maximumBytes else {
            throw BrokerError(.messageTooLarge, detail: "\(size) of at most \(maximumBytes) bytes")
        }
        guard properties <= maximumPropertiesBytes else {
            throw BrokerError(
                .messageTooLarge,
                detail: "key and headers are \(properties) of at most \(maximumPropertiesBytes) bytes")
        }
        return size
    }

    /// The properties of a durable message; they live in the arena.
    static func properties(
        of message: BrokerMessage, position: Int64, in arena: AMQPArena
    ) throws(AMQPFailure) -> amqp_basic_properties_t {
        var properties = amqp_basic_properties_t()
        properties._flags =
            UInt32(AMQP_BASIC_DELIVERY_MODE_FLAG) | UInt32(AMQP_BASIC_HEADERS_FLAG)
            | UInt32(AMQP_BASIC_MESSAGE_ID_FLAG)
        properties.delivery_mode = UInt8(AMQP_DELIVERY_PERSISTENT.rawValue)
        properties.message_id = try arena.bytes(message.id)
        var headers: [(String, AMQPValue)] = [
            (keyHeader, .text(message.key)), (positionHeader, .integer(position)),
        ]
        for (name, value) in message.headers {
            if name == contentType, value.utf8.count <= shortString {
                properties._flags |= UInt32(AMQP_BASIC_CONTENT_TYPE_FLAG)
                properties.content_type = try arena.bytes(value)
            } else {
                headers.append((amqpName(name), .text(value)))
            }
        }
        properties.headers = try arena.table(headers)
        return properties
    }

    static func amqpName(_ name: String) -> String {
        if let rest = name.withoutPrefix(bytes: eventPrefix) { return amqpEventPrefix + rest }
        let isTaken =
            name.hasPrefix(bytes: amqpEventPrefix) || name.hasPrefix(bytes: "souk-")
            || name.hasPrefix(bytes: "x-")
            || name == contentType
        return isTaken ? escapePrefix + name : name
    }

    // MARK: - Receiving

    struct Received {
        let message: BrokerMessage
        let position: Int64
        /// How often a queue took the message back from a reader (`x-delivery-count` of quorum queues).
        let returns: Int
    }

    /// Reads any AMQP message, those of other publishers too: headers that are no text, number or truth are left
    /// out, and so are the server's own (`x-…`).
    static func read(_ properties: amqp_basic_properties_t, body: amqp_bytes_t) -> Received {
        func has(_ flag: some BinaryInteger) -> Bool { properties._flags & UInt32(flag) != 0 }
        var key = ""
        var position: Int64 = 0
        var returns = 0
        var headers: [String: String] = [:]
        if has(AMQP_BASIC_HEADERS_FLAG) {
            for index in 0..<Int(properties.headers.num_entries) {
                let entry = properties.headers.entries[index]
                let name = String(entry.key)
                switch name {
                case keyHeader: key = text(entry.value) ?? ""
                case positionHeader: position = integer(entry.value) ?? 0
                case "x-delivery-count": returns = Int(integer(entry.value) ?? 0)
                case _ where name.hasPrefix(bytes: "x-"): break
                default: if let value = text(entry.value) { headers[ourName(name)] = value }
                }
            }
        }
        if has(AMQP_BASIC_CONTENT_TYPE_FLAG) { headers[contentType] = String(properties.content_type) }
        let message = BrokerMessage(
            id: has(AMQP_BASIC_MESSAGE_ID_FLAG) ? String(properties.message_id) : "", key: key,
            headers: headers, payload: [UInt8](UnsafeRawBufferPointer(start: body.bytes, count: body.len)))
        return Received(message: message, position: position, returns: returns)
    }

    static func ourName(_ name: String) -> String {
        if let rest = name.withoutPrefix(bytes: amqpEventPrefix) { return eventPrefix + rest }
        return name.withoutPrefix(bytes: escapePrefix).map(String.init) ?? name
    }

    private static func text(_ value: amqp_field_value_t) -> String? {
        switch value.kind {
        case UInt8(AMQP_FIELD_KIND_UTF8.rawValue), UInt8(AMQP_FIELD_KIND_BYTES.rawValue):
            String(value.value.bytes)
        case UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue): value.value.boolean != 0 ? "true" : "false"
        default: integer(value).map(String.init)
        }
    }

    private static func integer(_ value: amqp_field_value_t) -> Int64? {
        switch value.kind {
        case UInt8(AMQP_FIELD_KIND_I8.rawValue): Int64(value.value.i8)
        case UInt8(AMQP_FIELD_KIND_U8.rawValue): Int64(value.value.u8)
        case UInt8(AMQP_FIELD_KIND_I16.rawValue): Int64(value.value.i16)
        case UInt8(AMQP_FIELD_KIND_U16.rawValue): Int64(value.value.u16)
        case UInt8(AMQP_FIELD_KIND_I32.rawValue): Int64(value.value.i32)
        case UInt8(AMQP_FIELD_KIND_U32.rawValue): Int64(value.value.u32)
        case UInt8(AMQP_FIELD_KIND_I64.rawValue): value.value.i64
        case UInt8(AMQP_FIELD_KIND_U64.rawValue): Int64(exactly: value.value.u64)
        default: nil
        }
    }
}
