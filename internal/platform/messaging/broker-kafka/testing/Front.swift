import CRDKafka
import Foundation
import Synchronization

/// What clients talk to in place of librdkafka's mock cluster, and what that lacks of a Kafka: ports that stay the same, and
/// topics that are created by request.
///
/// Frames pass through it. It obeys CreateTopics itself, adds that to the list of what the brokers can do, names the first
/// broker as controller, and puts its ports where responses have the brokers'.
final class Front: Sendable {
    static let createTopics = 19
    private static let apiVersions = 18
    private static let metadata = 3
    private static let findCoordinator = 10

    private let cluster: MockCluster
    /// By port of a broker of the cluster.
    private let ports: [UInt16: UInt16]
    /// What the next requests to create topics get.
    private let errors = Mutex<[Int]>([])

    /// Listens for as many brokers as the cluster has.
    ///
    /// - Parameter port: The first broker's; 0 for any that are free.
    init(_ cluster: MockCluster, port: UInt16) throws {
        self.cluster = cluster
        let brokers = cluster.ports
        let listeners = try brokers.indices.map { index in
            try Socket.listening(port: port == 0 ? 0 : port + UInt16(index))
        }
        ports = Dictionary(uniqueKeysWithValues: zip(brokers, listeners.map(\.port)))
        for (broker, listener) in zip(brokers, listeners) {
            Self.start { [self] in
                while true {
                    guard let client = listener.socket.accept() else { continue }
                    Self.start { [self] in serve(client, broker: broker) }
                }
            }
        }
    }

    var bootstrap: String { ports.values.sorted().map { "127.0.0.1:\($0)" }.joined(separator: ",") }

    /// Has the next requests to create topics fail so.
    func push(errors codes: [Int]) {
        errors.withLock { $0 += codes }
    }

    func clear() {
        errors.withLock { $0 = [] }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 512 << 10
        thread.start()
    }

    // MARK: - Connections

    /// A client's connection and what it asked for.
    private final class Session: Sendable {
        let client: Socket
        /// Requests whose response is to be changed, by correlation id.
        let asked = Mutex<[Int: (api: Int, version: Int)]>([:])
        private let writing = Mutex(())

        init(_ client: Socket) {
            self.client = client
        }

        func respond(_ frame: [UInt8]) -> Bool {
            writing.withLock { _ in client.writeFrame(frame) }
        }
    }

    /// Takes the client's requests, until one of both ends is gone.
    private func serve(_ client: Socket, broker port: UInt16) {
        guard let broker = Socket.connected(to: port) else { return client.shutDown() }
        let session = Session(client)
        Self.start { [self] in
            while let response = broker.readFrame(), session.respond(changed(response, session)) {}
            client.shutDown()
        }
        while let request = client.readFrame() {
            var header = WireReader(request)
            let (api, version, correlation) = (header.int(2), header.int(2), header.int(4))
            if api == Self.createTopics {
                _ = header.string()
                guard session.respond(create(header, version, correlation)) else { break }
                continue
            }
            if [Self.apiVersions, Self.metadata, Self.findCoordinator].contains(api) {
                session.asked.withLock { $0[correlation] = (api, version) }
            }
            guard broker.writeFrame(request) else { break }
        }
        broker.shutDown()
    }

    private func changed(_ response: [UInt8], _ session: Session) -> [UInt8] {
        var reader = WireReader(response)
        let correlation = reader.int(4)
        guard let asked = session.asked.withLock({ $0.removeValue(forKey: correlation) }) else {
            return response
        }
        switch asked.api {
        case Self.apiVersions: return Self.addingCreateTopics(to: response, reader)
        case Self.metadata: return withPorts(Self.namingController(in: response, reader, asked.version))
        default: return withPorts(response)
        }
    }

    /// Behind the error code stand the count and six bytes for each; a request of a version that is too new gets an error.
    private static func addingCreateTopics(to response: [UInt8], _ body: WireReader) -> [UInt8] {
        var body = body
        guard body.int(2) == 0 else { return response }
        let count = body.int(4)
        var (head, entry) = (WireWriter(), WireWriter())
        head.int(count + 1, 4)
        for value in [createTopics, 0, 4] { entry.int(value, 2) }
        let end = 10 + 6 * count
        return response[..<6] + head.bytes + response[10..<end] + entry.bytes + response[end...]
    }

    /// The mock names broker 0 as the controller, which there is not.
    private static func namingController(
        in response: [UInt8], _ body: WireReader, _ version: Int
    ) -> [UInt8] {
        guard version >= 2 else { return response }
        var body = body
        if version >= 3 { _ = body.int(4) }
        let brokers = body.array { reader in
            let id = reader.int(4)
            _ = (reader.string(), reader.int(4), reader.string())
            return id
        }
        _ = body.string()
        let offset = response.count - body.count
        var controller = WireWriter()
        controller.int(brokers.first ?? 0, 4)
        return response[..<offset] + controller.bytes + response[(offset + 4)...]
    }

    private func withPorts(_ response: [UInt8]) -> [UInt8] {
        ports.reduce(response) { Self.replacing($1.key, with: $1.value, in: $0) }
    }

    /// Brokers are named by host and port, which is found by what precedes it.
    private static func replacing(_ port: UInt16, with new: UInt16, in response: [UInt8]) -> [UInt8] {
        var (old, put) = (WireWriter(), WireWriter())
        old.string("127.0.0.1")
        old.int(Int(port), 4)
        put.string("127.0.0.1")
        put.int(Int(new), 4)
        return response.replacing(old.bytes, with: put.bytes)
    }

    // MARK: - Topics

    private func create(_ request: WireReader, _ version: Int, _ correlation: Int) -> [UInt8] {
        var request = request
        let topics = request.array { reader in
            let name = reader.string() ?? ""
            let partitions = reader.int(4)
            _ = reader.int(2)
            // Assignments and configuration, which are of no use here.
            _ = reader.array { reader in
                _ = reader.int(4)
                _ = reader.array { $0.int(4) }
            }
            _ = reader.array { ($0.string(), $0.string()) }
            return (name, partitions)
        }
        var response = WireWriter()
        response.int(correlation, 4)
        if version >= 2 { response.int(0, 4) }
        response.int(topics.count, 4)
        for (name, partitions) in topics {
            response.string(name)
            response.int(code(creating: name, partitions), 2)
            if version >= 1 { response.int(-1, 2) }
        }
        return response.bytes
    }

    private func code(creating name: String, _ partitions: Int) -> Int {
        if let error = errors.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return error }
        return Int(cluster.create(name, partitions: partitions > 0 ? partitions : 1).rawValue)
    }
}
