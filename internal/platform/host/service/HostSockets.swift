package import SoukSupervisor

/// The sockets that a process listens on.
package struct HostSockets: Sendable {
    /// Where `/livez`, `/readyz` and `/metrics` are answered.
    package enum Operations: Sendable {
        case off
        /// On the socket of the routes, too.
        case serving
        case own(ListeningSocket)
    }

    /// For the routes.
    package let serving: ListeningSocket
    package let operations: Operations
    /// nil for a process that serves no gRPC.
    package let grpc: ListeningSocket?

    package init(serving: ListeningSocket, operations: Operations, grpc: ListeningSocket? = nil) {
        self.serving = serving
        self.operations = operations
        self.grpc = grpc
    }

    /// The port of operations; nil where they are off.
    package var operationsPort: Int? {
        switch operations {
        case .off: nil
        case .serving: serving.port
        case .own(let socket): socket.port
        }
    }
}

extension HostSockets {
    private static let (http, ops, rpc) = ("http", "ops", "grpc")

    /// Listens where the configuration says.
    ///
    /// - Parameter grpcPort: nil for a process that serves no gRPC.
    /// - Throws: `StartupError` naming the address that can't be listened on.
    package static func bind(
        _ configuration: HostConfiguration, grpcPort: Int? = nil
    ) throws(StartupError) -> HostSockets {
        func listen(_ host: String, _ port: Int) throws(StartupError) -> ListeningSocket {
            do {
                return try ListeningSocket.bind(host: host, port: port)
            } catch {
                throw StartupError(listeningOn: host, port, error)
            }
        }
        let serving = try listen(configuration.host, configuration.port)
        let operations: Operations =
            switch configuration.operations {
            case .off: .off
            case .serving: .serving
            case .own(let host, let port):
                .own(try listen(host, port ?? OperationsAddress.port(following: configuration.port)))
            }
        var grpc: ListeningSocket?
        if let grpcPort { grpc = try listen(configuration.host, grpcPort) }
        return HostSockets(serving: serving, operations: operations, grpc: grpc)
    }

    /// What a supervisor with the same configuration handed over; nil where something is missing.
    init?(inherited: [String: ListeningSocket], _ configuration: HostConfiguration, grpc isServed: Bool) {
        guard let serving = inherited[Self.http] else { return nil }
        let operations: Operations
        switch (configuration.operations, inherited[Self.ops]) {
        case (.off, _): operations = .off
        case (.serving, _): operations = .serving
        case (.own, let socket?): operations = .own(socket)
        case (.own, nil): return nil
        }
        guard !isServed || inherited[Self.rpc] != nil else { return nil }
        self.init(serving: serving, operations: operations, grpc: inherited[Self.rpc])
    }

    /// By the names under which a process inherits them.
    var named: [String: ListeningSocket] {
        var sockets = [Self.http: serving]
        if case .own(let socket) = operations { sockets[Self.ops] = socket }
        sockets[Self.rpc] = grpc
        return sockets
    }
}
