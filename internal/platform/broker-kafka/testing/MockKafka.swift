import ArgumentParser
import CRDKafka
import CRDKafka.Mock
import Foundation

/// A Kafka cluster in memory, for tests: librdkafka's mock cluster in a process of its own.
@main
struct MockKafka: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mock-kafka",
        abstract: "A Kafka cluster in memory, for tests; it forgets everything when it ends.",
        discussion: """
            Prints its brokers (host:port,…) as one line and runs until SIGTERM or SIGINT. SIGUSR1 takes all \
            brokers down with everything they know kept, SIGUSR2 brings them up on the same ports.
            It creates topics by themselves, with 4 partitions, and answers no admin requests.
            """)

    @Option(help: "How many brokers.")
    var brokers = 1

    @Option(
        help: ArgumentHelp(
            "A topic with another number of partitions; repeatable.", valueName: "name=partitions"))
    var topic: [String] = []

    @Flag(help: "Start with the brokers down.")
    var down = false

    @Flag(
        help: """
            Read commands from standard input, answer each with a line, and end with the input: down, up, \
            "error API CODE COUNT" (the next requests of that API fail so; -195 cuts the connection).
            """)
    var control = false

    func validate() throws {
        guard (1...10).contains(brokers) else { throw ValidationError("1 to 10 brokers") }
        for topic in topic where Self.parse(topic) == nil {
            throw ValidationError("\(topic) is not name=partitions")
        }
    }

    func run() throws {
        // Before the first thread, which all others inherit from: signals are waited for below.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)

        let cluster = try MockCluster(brokers: brokers)
        for (name, partitions) in topic.compactMap(Self.parse) {
            try cluster.create(name, partitions: partitions)
        }
        if down { cluster.setUp(false) }
        Self.say(cluster.bootstrap)
        if control {
            let thread = Thread {
                while let line = readLine() { Self.say(cluster.obey(line) ? "ok" : "error") }
                kill(getpid(), SIGTERM)
            }
            thread.start()
        }
        while true {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0 else { continue }
            switch signal {
            case SIGUSR1: cluster.setUp(false)
            case SIGUSR2: cluster.setUp(true)
            // Without destroying anything: there is nothing to keep.
            default: Foundation.exit(0)
            }
        }
    }

    private static func parse(_ topic: String) -> (name: String, partitions: Int)? {
        let parts = topic.split(separator: "=")
        guard parts.count == 2, let partitions = Int(parts[1]), (1...1_000).contains(partitions) else {
            return nil
        }
        return (String(parts[0]), partitions)
    }

    private static func say(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}

/// Owns librdkafka's mock cluster, until the process ends.
///
/// `@unchecked Sendable`: each function of `rdkafka_mock.h` locks the cluster or asks its thread.
private final class MockCluster: @unchecked Sendable {
    private let cluster: OpaquePointer

    init(brokers: Int) throws {
        var reason = [CChar](repeating: 0, count: 256)
        let configuration = rd_kafka_conf_new()
        // Not to be told that this client has no brokers: it is there for the cluster only.
        rd_kafka_conf_set(configuration, "log_level", "4", nil, 0)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &reason, reason.count),
            let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers))
        else {
            let text = String(
                decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ValidationError("no cluster: \(text)")
        }
        self.cluster = cluster
    }

    var bootstrap: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

    func create(_ topic: String, partitions: Int) throws {
        let code = rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), 1)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw ValidationError("\(topic): \(String(cString: rd_kafka_err2str(code)))")
        }
    }

    func setUp(_ isUp: Bool) {
        _ = isUp ? rd_kafka_mock_broker_set_up(cluster, -1) : rd_kafka_mock_broker_set_down(cluster, -1)
    }

    /// False for what is no command.
    func obey(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        switch words.first {
        case "down": setUp(false)
        case "up": setUp(true)
        case "error":
            guard words.count == 4, let api = Int16(words[1]), let code = Int32(words[2]),
                let count = Int(words[3]), count > 0
            else { return false }
            let codes = [rd_kafka_resp_err_t](repeating: rd_kafka_resp_err_t(rawValue: code), count: count)
            rd_kafka_mock_push_request_errors_array(cluster, api, count, codes)
        default: return false
        }
        return true
    }
}
