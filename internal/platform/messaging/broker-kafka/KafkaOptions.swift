package import SoukBroker
package import SoukEnv
import SoukText

/// How to reach a Kafka cluster, and the bounds of what this process keeps for it.
///
/// Its description names brokers and user, never the password.
package struct KafkaOptions: Sendable {
    /// `security.protocol` of Kafka.
    package enum SecurityProtocol: String, Sendable, CaseIterable {
        case plaintext
        case ssl
        case saslPlaintext = "sasl_plaintext"
        case saslSSL = "sasl_ssl"

        var usesSASL: Bool { self == .saslPlaintext || self == .saslSSL }
    }

    /// `sasl.mechanism` of Kafka.
    package enum SASLMechanism: String, Sendable, CaseIterable {
        case plain = "PLAIN"
        case scramSHA256 = "SCRAM-SHA-256"
        case scramSHA512 = "SCRAM-SHA-512"
    }

    /// `host:port` of some brokers of the cluster; the others are learned from them.
    package let brokers: [String]
    /// What this process is called in the brokers' logs and quotas.
    package var clientID: String
    package var securityProtocol: SecurityProtocol
    package var saslMechanism: SASLMechanism
    package var username: String?
    package var password: Secret<String>?
    /// PEM file of the authorities that may have signed the brokers' certificates; nil for the system's.
    package var caFile: String?
    /// PEM files of this client's certificate and key, for mutual TLS.
    package var certificateFile: String?
    package var keyFile: String?

    /// Partitions of the topics that this process creates; a topic that exists keeps its own.
    package var partitions: Int
    /// Replicas of the topics that this process creates; nil for the cluster's default.
    package var replicationFactor: Int?
    /// What the names of topics and groups begin with on the cluster, so that several systems can share one. Callers of the
    /// broker never see it.
    package var prefix = ""

    /// How long one call of `publish` may take, declaring the topic included.
    package var publishTimeout: Duration = .seconds(10)
    /// How long one request for topics, offsets or commits may take.
    package var requestTimeout: Duration = .seconds(5)
    /// How long `close` waits for the last confirmations and for leaving the groups.
    package var closeTimeout: Duration = .seconds(5)
    /// After how long without a sign of life the group gives a member's partitions to others, at least
    /// ``minimumSessionTimeout``.
    package var sessionTimeout: Duration = .seconds(10)
    /// What brokers take at least by default (`group.min.session.timeout.ms`).
    package static let minimumSessionTimeout: Duration = .seconds(6)
    /// How long partitions that go to another member wait for the handlers of their messages.
    package var handoverTimeout: Duration = .seconds(1)

    /// The largest message: id, key, headers and payload together. Brokers take 1 MiB by default, with some
    /// overhead.
    package var maximumMessageBytes = 1_000_000
    /// Messages, and their bytes, that may wait for confirmation at once; `publish` refuses what goes beyond.
    package var maximumQueuedMessages = 20_000
    package var maximumQueuedBytes = 64 << 20
    /// How many messages of a partition a group reads past one that stays unacknowledged.
    package var lookAheadMessages = 10_000
    /// Bytes of messages that a group holds before they are acknowledged, over all its partitions.
    package var lookAheadBytes = 64 << 20

    /// - Parameter brokers: `host:port`, several separated by commas.
    /// - Throws: ``BrokerError/Reason/invalidArgument`` where that is not what it is.
    package init(
        brokers: String, clientID: String = "souk", securityProtocol: SecurityProtocol = .plaintext,
        saslMechanism: SASLMechanism = .scramSHA512, username: String? = nil,
        password: Secret<String>? = nil, caFile: String? = nil, certificateFile: String? = nil,
        keyFile: String? = nil, partitions: Int = 8, replicationFactor: Int? = nil
    ) throws(BrokerError) {
        self.brokers = brokers.split(byte: ",").map { $0.removingBlanks() }
        guard !self.brokers.isEmpty, self.brokers.allSatisfy(Self.isAddress) else {
            throw BrokerError(.invalidArgument, detail: "Kafka brokers are host:port,…, not \"\(brokers)\"")
        }
        guard partitions > 0, replicationFactor.map({ $0 > 0 }) ?? true else {
            throw BrokerError(.invalidArgument, detail: "a topic has at least one partition and one replica")
        }
        self.clientID = clientID
        self.securityProtocol = securityProtocol
        self.saslMechanism = saslMechanism
        self.username = username
        self.password = password
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.partitions = partitions
        self.replicationFactor = replicationFactor
    }

    /// Checks what can be changed after the initialiser.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument``.
    func validate() throws(BrokerError) {
        guard sessionTimeout >= Self.minimumSessionTimeout else {
            throw BrokerError(
                .invalidArgument,
                detail:
                    "a Kafka session lasts at least 6 seconds (group.min.session.timeout.ms), not \(sessionTimeout)"
            )
        }
        guard prefix.utf8.count <= 100, prefix.utf8.allSatisfy(Self.isNameByte) else {
            throw BrokerError(
                .invalidArgument,
                detail:
                    "a prefix of Kafka's topics has at most 100 characters of a-z, A-Z, 0-9, '.', '_' and '-'"
            )
        }
        // A long one makes librdkafka before 2.5 write past a buffer (librdkafka #4689).
        guard 1...200 ~= clientID.utf8.count else {
            throw BrokerError(.invalidArgument, detail: "a Kafka client id has 1 to 200 bytes")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// A topic's name without the prefix; nil where it does not begin with it.
    func name(ofTopic topic: String) -> String? {
        guard !prefix.isEmpty else { return topic }
        guard topic.utf8.starts(with: prefix.utf8) else { return nil }
        return String(topic.dropFirst(prefix.count))
    }

    /// A host, an IPv4 address or an IPv6 address in brackets, and a port.
    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.lastIndex(ofByte: ":"), colon != text.startIndex,
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return false }
        let host = text[..<colon]
        return host.hasPrefix(bytes: "[") ? host.hasSuffix(bytes: "]") : !host.contains(byte: ":")
    }
}

extension KafkaOptions: CustomStringConvertible {
    package var description: String {
        let user = securityProtocol.usesSASL ? " as \(username ?? "nobody")" : ""
        return "Kafka \(brokers.joined(separator: ",")) (\(securityProtocol.rawValue))\(user)"
    }
}
