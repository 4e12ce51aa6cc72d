import Foundation
package import SoukBroker
import SoukText

/// Where the server is, how to log in, and the limits of the client.
///
/// ``partitions``, ``window``, ``deliveryLimit`` and ``exchange`` describe what is declared on the server: they
/// must be the same in all processes.
package struct RabbitMQOptions: Sendable {
    /// One server of a cluster.
    package struct Host: Sendable, Hashable {
        package let name: String
        package let port: Int
    }

    /// Tried in turns, starting with any.
    package let hosts: [Host]
    package let user: String
    package let virtualHost: String
    /// With `amqps`: the server's certificate and name are always verified.
    package let usesTLS: Bool
    /// Never in a log or an error.
    package var password: String?
    /// Authorities to trust, as PEM; nil: the system's.
    package var authorityFile: String?
    /// The client's certificate and key, as PEM; both or none.
    package var certificateFile: String?
    package var keyFile: String?

    /// The topic exchange.
    package var exchange = "souk.events"
    /// Queues for each group and topic; as many members of a group can work on a topic at once.
    package var partitions = 4
    /// Messages of one queue that its reader holds, delivered or waiting behind others of their keys. A key
    /// that is blocked for longer than it takes to fill this holds back the other keys of its queue.
    package var window = 1_000
    /// How often a queue returns a message of a reader that died before it goes to the group's dead queue.
    package var deliveryLimit = 1_000
    /// Groups and their topics whose queues this process declares as soon as it is connected, before it
    /// publishes anything: so that nothing published before a group's first start is lost to it.
    package var groups: [String: Set<String>] = [:]

    package var heartbeat: Duration = .seconds(10)
    /// For connecting, TLS and login together, for each host.
    package var connectTimeout: Duration = .seconds(5)
    /// After which a call that the server has not answered throws ``BrokerError/Reason/unavailable``.
    package var requestTimeout: Duration = .seconds(5)
    /// The longest pause between attempts to connect; the first is a fiftieth of it.
    package var maximumReconnectDelay: Duration = .seconds(5)
    /// The largest message: key, headers and payload together.
    package var maximumMessageBytes = 1 << 20
    /// What may wait to be confirmed at once, in all calls together; more is refused as unavailable.
    package var maximumPendingMessages = 20_000
    package var maximumPendingBytes = 64 << 20

    /// Reads `amqp[s]://user[:password]@host[:port][,host[:port]…][/vhost]`, percent-encoded; without a vhost it
    /// is `/`.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument``, which never quotes the URL.
    package init(url: String) throws(BrokerError) {
        func invalid(_ detail: String) -> BrokerError {
            BrokerError(.invalidArgument, detail: "the RabbitMQ URL \(detail)")
        }
        func decoded(_ text: some StringProtocol, _ what: String) throws(BrokerError) -> String {
            guard let decoded = String(text).removingPercentEncoding, !decoded.contains(byte: "\0") else {
                throw invalid("has a \(what) that cannot be read")
            }
            return decoded
        }
        let schemes = ["amqp://": 5672, "amqps://": 5671]
        guard let (scheme, defaultPort) = schemes.first(where: { url.hasPrefix(bytes: $0.key) }) else {
            throw invalid("begins with amqp:// or amqps://")
        }
        usesTLS = scheme == "amqps://"
        let rest = url.withoutPrefix(bytes: scheme) ?? ""
        let (authority, path) = rest.split(atFirst: "/") ?? (rest, "")
        guard !path.contains(byte: "/"), !rest.contains(byte: "?"), !rest.contains(byte: "#") else {
            throw invalid("has a path of one part, the virtual host, and no query")
        }
        virtualHost = path.isEmpty ? "/" : try decoded(path, "virtual host")

        let (credentials, addresses) = authority.split(atLast: "@") ?? ("guest", authority)
        let (name, secret) = credentials.split(atFirst: ":") ?? (credentials, nil)
        user = try decoded(name, "user")
        guard !user.isEmpty else { throw invalid("has a user") }
        password = if let secret { try decoded(secret, "password") } else { nil }
        var hosts: [Host] = []
        for address in addresses.split(byte: ",", omittingEmptySubsequences: false) {
            guard let host = Self.host(address, defaultPort: defaultPort) else {
                throw invalid("has hosts as name:port")
            }
            hosts.append(host)
        }
        self.hosts = hosts
    }

    private static func host(_ text: Substring, defaultPort: Int) -> Host? {
        var name = text
        var port: Substring?
        if text.hasPrefix(bytes: "[") {
            guard let (address, rest) = text.withoutPrefix(bytes: "[")?.split(atFirst: "]") else {
                return nil
            }
            name = address
            port = rest.withoutPrefix(bytes: ":")
            guard rest.isEmpty || port != nil else { return nil }
        } else if let (before, after) = text.split(atFirst: ":") {
            name = before
            port = after
        }
        guard !name.isEmpty, !name.unicodeScalars.contains(where: \.properties.isWhitespace) else {
            return nil
        }
        guard let port else { return Host(name: String(name), port: defaultPort) }
        guard let number = Int(port), (1...65_535).contains(number) else { return nil }
        return Host(name: String(name), port: number)
    }

    /// - Throws: ``BrokerError/Reason/invalidArgument`` for limits that make no sense.
    func validate() throws(BrokerError) {
        let isSound =
            (1...256).contains(partitions) && (1...65_535).contains(window) && deliveryLimit > 0
            && maximumMessageBytes > 0 && maximumPendingMessages > 0 && maximumPendingBytes > 0
            && heartbeat >= .seconds(1) && connectTimeout > .zero && requestTimeout > .zero
            && maximumReconnectDelay > .zero
        guard isSound, Topology.isName(exchange) else {
            throw BrokerError(.invalidArgument, detail: "a limit of the RabbitMQ client is out of range")
        }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw BrokerError(
                .invalidArgument, detail: "a client certificate needs its key, and a key its certificate")
        }
        if let bad = groups.first(where: { !Topology.isName($0.key) || !$0.value.allSatisfy(Topology.isName) }
        ) {
            throw BrokerError(.invalidArgument, detail: "group \(bad.key) or its topics have no proper names")
        }
    }
}

extension RabbitMQOptions: CustomStringConvertible {
    /// Without the password.
    package var description: String {
        let addresses = hosts.map { "\($0.name):\($0.port)" }.joined(separator: ",")
        return "\(usesTLS ? "amqps" : "amqp")://\(user)@\(addresses) vhost \(virtualHost)"
    }
}

extension RabbitMQOptions: CustomDebugStringConvertible, CustomReflectable {
    package var debugDescription: String { description }
    /// A dump shows no more than the description.
    package var customMirror: Mirror { Mirror(self, children: ["server": description]) }
}
