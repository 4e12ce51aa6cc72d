import CRDKafka
import Logging
import SoukBroker
import SoukEnv

/// Owns an `rd_kafka_conf_t` until a client takes it.
struct RDKafkaConfiguration: ~Copyable {
    private let pointer: OpaquePointer

    init() {
        pointer = rd_kafka_conf_new()
        rd_kafka_conf_set_log_cb(pointer) { _, level, facility, message in
            RDKafkaLog.write(level: level, facility: facility, message: message)
        }
    }

    deinit {
        rd_kafka_conf_destroy(pointer)
    }

    /// Sets a property of librdkafka's CONFIGURATION.md.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument`` naming the property, never its value.
    func set(_ name: String, _ value: String) throws(BrokerError) {
        var reason = [CChar](repeating: 0, count: 256)
        guard rd_kafka_conf_set(pointer, name, value, &reason, reason.count) == RD_KAFKA_CONF_OK else {
            throw BrokerError(.invalidArgument, detail: "librdkafka refuses the value of \(name)")
        }
    }

    /// What a property is set to, its default included; nil for one that does not exist or has no value.
    func value(of name: String) -> String? {
        var size = 0
        guard rd_kafka_conf_get(pointer, name, nil, &size) == RD_KAFKA_CONF_OK, size > 0 else { return nil }
        var text = [CChar](repeating: 0, count: size)
        guard rd_kafka_conf_get(pointer, name, &text, &size) == RD_KAFKA_CONF_OK else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The callbacks of a client and what they get as opaque pointer, which must outlive the client.
    func setCallbacks(_ body: (OpaquePointer) -> Void, opaque: UnsafeMutableRawPointer) {
        body(pointer)
        rd_kafka_conf_set_opaque(pointer, opaque)
    }

    /// Makes a client, which owns the configuration from then on.
    ///
    /// - Parameter keeping: What librdkafka's threads use until the client is destroyed.
    /// - Throws: ``BrokerError/Reason/invalidArgument`` when files or values don't work.
    consuming func makeClient(
        _ type: rd_kafka_type_t, keeping: (any Sendable)? = nil
    ) throws(BrokerError) -> RDKafkaClient {
        var reason = [CChar](repeating: 0, count: 512)
        guard let client = rd_kafka_new(type, pointer, &reason, reason.count) else {
            let text = String(
                decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            _ = consume self
            throw BrokerError(.invalidArgument, detail: text)
        }
        // rd_kafka_new took the configuration.
        discard self
        return RDKafkaClient(owning: client, keeping: keeping)
    }
}

extension RDKafkaConfiguration {
    /// What all clients have in common.
    init(_ options: KafkaOptions) throws(BrokerError) {
        self.init()
        try set("bootstrap.servers", options.brokers.joined(separator: ","))
        try set("client.id", options.clientID)
        try set("security.protocol", options.securityProtocol.rawValue)
        if options.securityProtocol.usesSASL {
            try set("sasl.mechanism", options.saslMechanism.rawValue)
            if let username = options.username { try set("sasl.username", username) }
            if let password = options.password { try set("sasl.password", password.reveal()) }
        }
        if let file = options.caFile { try set("ssl.ca.location", file) }
        if let file = options.certificateFile { try set("ssl.certificate.location", file) }
        if let file = options.keyFile { try set("ssl.key.location", file) }
        // Topics are made with their settings or not at all: asking for one must not make it with the broker's.
        try set("allow.auto.create.topics", "false")
        try set("log.connection.close", "false")
        try set("reconnect.backoff.ms", "100")
        try set("reconnect.backoff.max.ms", "5000")
        // A topic that somebody else creates is found within this time.
        try set("topic.metadata.refresh.interval.ms", "10000")
        try set("socket.keepalive.enable", "true")
        try set("socket.nagle.disable", "true")
    }
}

/// Hands librdkafka's log to swift-log.
enum RDKafkaLog {
    private static let logger = Logger(label: "souk.broker.kafka")

    /// Called on any of librdkafka's threads.
    static func write(level: Int32, facility: UnsafePointer<CChar>?, message: UnsafePointer<CChar>?) {
        let level: Logger.Level =
            switch level {
            case ...2: .error
            case 3, 4: .warning
            case 5: .notice
            case 6: .info
            default: .debug
            }
        logger.log(
            level: level, "\(message.map { String(cString: $0) } ?? "")",
            metadata: ["facility": "\(facility.map { String(cString: $0) } ?? "")"])
    }
}
