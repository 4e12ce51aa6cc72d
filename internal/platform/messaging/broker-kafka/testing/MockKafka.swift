import ArgumentParser
import CRDKafka
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
            It creates topics on request, and those that a client asks for by themselves, with 4 partitions, \
            unless the client forbids it: as Kafka does by default.
            """)

    @Option(help: "How many brokers.")
    var brokers = 1

    @Option(help: "The port of the first broker, which the others follow; 0 for any that are free.")
    var port: UInt16 = 0

    @Flag(
        help: """
            Have clients talk to librdkafka's cluster itself, which is faster. It creates whatever is asked for, and \
            answers no request to create.
            """)
    var direct = false

    @Option(
        help: ArgumentHelp(
            "A topic with another number of partitions; repeatable.", valueName: "name=partitions"))
    var topic: [String] = []

    @Flag(help: "Start with the brokers down.")
    var down = false

    @Flag(
        help: """
            Read commands from standard input, answer each with a line, and end with the input: down, up, \
            "error API CODE COUNT" (the next requests of that API fail so; -195 cuts the connection), \
            "clear API" (they fail no more), "topic-error NAME CODE" (until it is 0; * for every topic), \
            "delay MILLISECONDS" (of every response).
            """)
    var control = false

    func validate() throws {
        guard (1...10).contains(brokers) else { throw ValidationError("1 to 10 brokers") }
        guard !direct || port == 0 else { throw ValidationError("--direct takes ports of its own") }
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

        let cluster = try MockCluster(brokers: brokers, isModern: !direct)
        for (name, partitions) in topic.compactMap(Self.parse) {
            let code = cluster.create(name, partitions: partitions)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw ValidationError("\(name): \(String(cString: rd_kafka_err2str(code)))")
            }
        }
        if down { cluster.setUp(false) }
        let front = direct ? nil : try Front(cluster, port: port)
        Self.say(front?.bootstrap ?? cluster.bootstrap)
        if control {
            let thread = Thread {
                while let line = readLine() {
                    Self.say(Self.obey(line, cluster, front) ? "ok" : "error")
                }
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

    /// False for what is no command.
    private static func obey(_ line: String, _ cluster: MockCluster, _ front: Front?) -> Bool {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, words.count) {
        case ("down", 1): cluster.setUp(false)
        case ("up", 1): cluster.setUp(true)
        case ("error", 4) where numbers.count == 3 && numbers[2] > 0:
            let codes = [Int](repeating: numbers[1], count: numbers[2])
            if numbers[0] == Front.createTopics, let front {
                front.push(errors: codes)
            } else {
                cluster.push(errors: codes, api: numbers[0])
            }
        case ("clear", 2) where numbers.count == 1:
            cluster.clear(api: numbers[0])
            if numbers[0] == Front.createTopics { front?.clear() }
        case ("topic-error", 3) where numbers.count == 1:
            cluster.set(error: numbers[0], of: String(words[1]))
        case ("delay", 2) where numbers.count == 1: cluster.delay(milliseconds: numbers[0])
        default: return false
        }
        return true
    }

    private static func say(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}
