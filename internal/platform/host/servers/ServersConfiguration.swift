import Foundation
import SoukBroker
import SoukBrokerKafka
import SoukBrokerRabbitMQ
import SoukCache
import SoukCacheRedis
import SoukDatabase
import SoukDatabasePostgres
import SoukEnv
import SoukRPCRuntime
import SoukService
import SoukText

/// What a process is told of the servers that it lives on and the peers that it calls.
///
/// Every function throws `ConfigurationError` naming the variable, and quotes no URL: they may hold passwords.
struct ServersConfiguration: Sendable {
    let environment: Environment

    /// `SOUK_<SERVICE>_DATABASE_URL`, `SOUK_<SERVICE>_DATABASE_PASSWORD`, `SOUK_DATABASE_POOL_SIZE`,
    /// `SOUK_DATABASE_STATEMENT_TIMEOUT`.
    func database(of service: String) throws(ConfigurationError) -> PostgresOptions {
        let name = Self.variable(service)
        let url = try environment.string("SOUK_\(name)_DATABASE_URL")
        var options: PostgresOptions
        do {
            options = try PostgresOptions(url: url)
        } catch {
            throw ConfigurationError("SOUK_\(name)_DATABASE_URL", error.detail ?? "can't be read")
        }
        options.password = try environment.secret("SOUK_\(name)_DATABASE_PASSWORD")?.reveal()
        options.poolSize = try environment.int("SOUK_DATABASE_POOL_SIZE", default: 8, in: 1...256)
        options.statementTimeout = try environment.duration(
            "SOUK_DATABASE_STATEMENT_TIMEOUT", default: .seconds(30))
        options.applicationName = "souk-\(service)"
        return options
    }

    /// The Redis of `SOUK_REDIS_URL` and `SOUK_REDIS_PASSWORD`; opening it needs no network.
    func cache() throws(ConfigurationError) -> any Cache {
        let url = try environment.string("SOUK_REDIS_URL", default: "redis://127.0.0.1:6379")
        let password = try environment.secret("SOUK_REDIS_PASSWORD")
        do {
            return try RedisCache.open(try RedisOptions(url: url, password: password))
        } catch {
            throw ConfigurationError("SOUK_REDIS_URL", error.detail ?? error.message)
        }
    }

    private enum BrokerKind: String, CaseIterable {
        case rabbitmq, kafka, embedded
    }

    /// The broker that `SOUK_BROKER` names; opening it needs no network.
    ///
    /// - Parameter groups: every consumer group of the system and its topics.
    func broker(groups: [String: Set<String>]) throws(ConfigurationError) -> any Broker {
        do {
            switch try environment.choice("SOUK_BROKER", default: BrokerKind.rabbitmq) {
            case .rabbitmq: return try RabbitMQBroker.open(try rabbitMQ(groups: groups))
            case .kafka: return try KafkaBroker.open(try kafka())
            case .embedded:
                throw ConfigurationError(
                    "SOUK_BROKER",
                    "'embedded' is for souk, the whole marketplace in one process; use rabbitmq or kafka")
            }
        } catch let error as ConfigurationError {
            throw error
        } catch let error as BrokerError {
            throw ConfigurationError("SOUK_BROKER", error.detail ?? error.message)
        } catch {
            throw ConfigurationError("SOUK_BROKER", "can't be set up")
        }
    }

    /// `SOUK_RABBITMQ_URL`, `…_PASSWORD`, `…_CA_FILE`, `…_CERT_FILE`, `…_KEY_FILE`, `…_PARTITIONS`.
    func rabbitMQ(groups: [String: Set<String>]) throws -> RabbitMQOptions {
        let url = try environment.string("SOUK_RABBITMQ_URL", default: "amqp://guest@127.0.0.1:5672/")
        var options: RabbitMQOptions
        do {
            options = try RabbitMQOptions(url: url)
        } catch {
            throw ConfigurationError("SOUK_RABBITMQ_URL", error.detail ?? "can't be read")
        }
        if let password = try environment.secret("SOUK_RABBITMQ_PASSWORD") {
            options.password = password.reveal()
        }
        options.authorityFile = try environment.optionalString("SOUK_RABBITMQ_CA_FILE")
        options.certificateFile = try environment.optionalString("SOUK_RABBITMQ_CERT_FILE")
        options.keyFile = try environment.optionalString("SOUK_RABBITMQ_KEY_FILE")
        options.partitions = try environment.int(
            "SOUK_RABBITMQ_PARTITIONS", default: options.partitions, in: 1...256)
        options.groups = groups
        return options
    }

    /// `SOUK_KAFKA_BROKERS`, `…_SECURITY_PROTOCOL`, `…_SASL_MECHANISM`, `…_USERNAME`, `…_PASSWORD`, `…_CA_FILE`,
    /// `…_CERT_FILE`, `…_KEY_FILE`, `…_PARTITIONS`, `…_REPLICATION_FACTOR`, `…_PREFIX`.
    func kafka() throws -> KafkaOptions {
        let replicas = try environment.int("SOUK_KAFKA_REPLICATION_FACTOR", default: 0, in: 0...100)
        let brokers = try environment.string("SOUK_KAFKA_BROKERS", default: "127.0.0.1:9092")
        do {
            var options = try KafkaOptions(
                brokers: brokers,
                securityProtocol: try environment.choice(
                    "SOUK_KAFKA_SECURITY_PROTOCOL", default: KafkaOptions.SecurityProtocol.plaintext),
                saslMechanism: try environment.choice(
                    "SOUK_KAFKA_SASL_MECHANISM", default: KafkaOptions.SASLMechanism.scramSHA512),
                username: try environment.optionalString("SOUK_KAFKA_USERNAME"),
                password: try environment.secret("SOUK_KAFKA_PASSWORD"),
                caFile: try environment.optionalString("SOUK_KAFKA_CA_FILE"),
                certificateFile: try environment.optionalString("SOUK_KAFKA_CERT_FILE"),
                keyFile: try environment.optionalString("SOUK_KAFKA_KEY_FILE"),
                partitions: try environment.int("SOUK_KAFKA_PARTITIONS", default: 8, in: 1...1_000),
                replicationFactor: replicas == 0 ? nil : replicas)
            options.prefix = try environment.string("SOUK_KAFKA_PREFIX", default: "")
            return options
        } catch let error as BrokerError {
            throw ConfigurationError("SOUK_KAFKA_BROKERS", error.detail ?? error.message)
        }
    }

    /// `SOUK_SERVICE_KEY_FILE`: who this process is.
    func identity(of service: String) throws(ConfigurationError) -> ServiceIdentity {
        let file = try environment.string("SOUK_SERVICE_KEY_FILE")
        do {
            return try ServiceIdentity.load(service: service, file: file)
        } catch {
            throw ConfigurationError("SOUK_SERVICE_KEY_FILE", "\(error.name) \(error.problem)")
        }
    }

    /// `SOUK_SERVICE_KEYS_DIR`: who the others are. Their keys may come later; the folder is there.
    func keyRing(of service: String) throws(ConfigurationError) -> ServiceKeyRing {
        let name = "SOUK_SERVICE_KEYS_DIR"
        let folder = try environment.string(name)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue
        else {
            throw ConfigurationError(name, "is no folder that can be entered")
        }
        return ServiceKeyRing(directory: folder, service: service)
    }

    /// `SOUK_<PEER>_GRPC_ADDRESS`, this machine where it isn't set.
    ///
    /// - Parameter port: Of the peer's definition; nil where it has none.
    func addresses(of peer: String, port: Int?) throws(ConfigurationError) -> PeerAddresses {
        let service = Self.variable(peer)
        let name = "SOUK_\(service)_GRPC_ADDRESS"
        let fallback = port.map { "127.0.0.1:\($0)" }
        guard let text = try environment.optionalString(name) ?? fallback else {
            throw ConfigurationError(name, "is not set")
        }
        return try PeerAddresses(text, for: name)
    }

    /// `SOUK_TRUSTED_PROXIES`, which a service behind gateways can't do without: every limit by client would take the gateway
    /// for the one client that it has.
    func checkTrustedProxies() throws(ConfigurationError) {
        let name = "SOUK_TRUSTED_PROXIES"
        guard try environment.addressRanges(name).isEmpty else { return }
        throw ConfigurationError(
            name,
            "is not set; set it to the addresses of the gateways, such as 10.0.0.0/8, or this service would count all clients as one"
        )
    }

    /// `SOUK_GRPC_TLS_CERT_FILE`, `…_KEY_FILE`, `…_CA_FILE`: all three, or none for plaintext.
    func tls() throws(ConfigurationError) -> RPCTLS? {
        let names = ["SOUK_GRPC_TLS_CERT_FILE", "SOUK_GRPC_TLS_KEY_FILE", "SOUK_GRPC_TLS_CA_FILE"]
        var files: [String] = []
        for name in names {
            if let file = try environment.optionalString(name) { files.append(file) }
        }
        guard !files.isEmpty else { return nil }
        guard files.count == names.count else {
            throw ConfigurationError(names[0], "mutual TLS needs all of \(names.joined(separator: ", "))")
        }
        return RPCTLS(certificateFile: files[0], keyFile: files[1], authorityFile: files[2])
    }

    /// `SOUK_JWKS_URL`, this machine where it isn't set.
    ///
    /// - Parameter port: Of the service that signs access tokens.
    func keysURL(port: Int) throws(ConfigurationError) -> String {
        try environment.url("SOUK_JWKS_URL", default: "http://127.0.0.1:\(port)/.well-known/jwks.json")
            .absoluteString
    }

    /// A service's name as it stands in variables.
    private static func variable(_ service: String) -> String {
        service.uppercasedASCII().replacing(bytes: "-", with: "_")
    }
}
