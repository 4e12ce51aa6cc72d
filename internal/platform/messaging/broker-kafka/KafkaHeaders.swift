import CRDKafka
import SoukBroker

/// A ``BrokerMessage``'s headers and id as the headers of a Kafka record, and back.
///
/// The names stay as they are: the envelope's (`ce_id`, `ce_type`, `content-type`…) are those of the CloudEvents
/// Kafka protocol binding §3.2.3. The id of an event is its `ce_id`; of other messages it travels in
/// `message-id`, which is no header of the message. A record of a foreign producer without either has an empty
/// id. Of a repeated name the last value counts.
enum KafkaHeaders {
    static let messageID = "message-id"
    private static let cloudEventID = "ce_id"

    /// The record's headers; the caller owns them until `rd_kafka_producev` takes them over.
    static func make(for message: BrokerMessage) -> OpaquePointer {
        let headers: OpaquePointer = rd_kafka_headers_new(message.headers.count + 1)
        for (name, value) in message.headers { add(name, value, to: headers) }
        if message.headers[cloudEventID] != message.id { add(messageID, message.id, to: headers) }
        return headers
    }

    private static func add(_ name: String, _ value: String, to headers: OpaquePointer) {
        var value = value
        // Copies both; fails for lack of memory only, which ends the process there.
        _ = value.withUTF8 { bytes in
            rd_kafka_header_add(headers, name, name.utf8.count, bytes.baseAddress, bytes.count)
        }
    }

    /// What a record says; the record stays the caller's.
    static func read(_ record: UnsafePointer<rd_kafka_message_t>) -> BrokerMessage {
        var headers: [String: String] = [:]
        var list: OpaquePointer?
        if rd_kafka_message_headers(record, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list {
            var index = 0
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            while rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
                if let name { headers[String(cString: name)] = text(value, size) }
                index += 1
            }
        }
        let id = headers.removeValue(forKey: messageID) ?? headers[cloudEventID] ?? ""
        let payload = UnsafeRawBufferPointer(
            start: record.pointee.payload, count: record.pointee.payload == nil ? 0 : record.pointee.len)
        return BrokerMessage(
            id: id, key: text(record.pointee.key, record.pointee.key_len), headers: headers,
            payload: Array(payload))
    }

    private static func text(_ start: UnsafeRawPointer?, _ count: Int) -> String {
        guard let start else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

extension BrokerMessage {
    /// Bytes of everything that is its own.
    var size: Int {
        headers.reduce(id.utf8.count + key.utf8.count + payload.count) { sum, header in
            sum + header.key.utf8.count + header.value.utf8.count
        }
    }
}
