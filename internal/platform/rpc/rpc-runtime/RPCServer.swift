package import GRPCCore
package import Logging
import ServiceLifecycle
package import SoukAuthToken

/// Serves gRPC services, each under its policy, beside health and reflection.
///
/// Run it in a `ServiceGroup`. It says on health that it is not serving when it shuts down, takes no new calls, and
/// lets those under way finish for ``RPCServerOptions/drainTime``.
package final class RPCServer<Transport: ServerTransport>: Service {
    /// What health answers; not serving until the host says so.
    package let health: RPCHealth

    private let server: GRPCServer<Transport>
    private let gate: ServerGate
    private let options: RPCServerOptions
    private let logger: Logger

    /// A server on `transport`.
    ///
    /// - Parameters:
    ///   - services: what to serve; a method may be registered only once.
    ///   - identities: who a calling service is; without it `.services` refuses everybody.
    ///   - verifier: who a user is; without it `.user` refuses everybody.
    ///   - accounts: which roles a user has now, and whether the session goes on; without it a good token is enough.
    package init(
        transport: Transport, services: [RPCService], options: RPCServerOptions = RPCServerOptions(),
        identities: ServiceKeyRing?, verifier: (any TokenVerifier)? = nil,
        accounts: (any AccountGuard)? = nil,
        logger: Logger = Logger(label: "souk.rpc")
    ) {
        var registry = ServiceRegistry<Transport>()
        for service in services { registry.add(service) }
        health = RPCHealth(services: registry.serviceNames)
        registry.add(RPCService(HealthService(health: health), access: .open))
        if options.reflection {
            let index = ReflectionIndex(services: registry.serviceNames)
            registry.add(RPCService(ReflectionService(index: index), access: .open))
            registry.add(RPCService(ReflectionAlphaService(index: index), access: .open))
        }
        gate = ServerGate(
            access: registry.access, streaming: registry.streaming, options: options,
            identities: identities, verifier: verifier, accounts: accounts, logger: logger)
        registry.router.registerInterceptors(pipeline: [.apply(gate, to: .all)])
        server = GRPCServer(transport: transport, router: registry.router)
        self.options = options
        self.logger = logger
    }

    /// Serves until graceful shutdown, or until the task is cancelled.
    ///
    /// Throws: when the transport can't listen or breaks.
    package func run() async throws {
        defer { health.end() }
        let drained = ShutdownSignal()
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        try await self.server.serve()
                    } catch let error as RuntimeError where error.code == .serverIsStopped {
                        // Shut down before it was started.
                    }
                }
                group.addTask {
                    // Ends the server when calls don't within the drain time.
                    try await drained.begun()
                    try await Task.sleep(for: self.options.drainTime)
                    self.logger.warning("calls were still under way when the time to finish them was over")
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } onGracefulShutdown: {
            self.shutDown()
            drained.begin()
        }
    }

    /// Takes no new calls, and lets those under way finish.
    private func shutDown() {
        health.end()
        gate.beginDraining()
        server.beginGracefulShutdown()
    }

    var transport: Transport { server.transport }
}

/// Methods and policies of the services of one server.
struct ServiceRegistry<Transport: ServerTransport> {
    var router = RPCRouter<Transport>()
    private(set) var access: [String: RPCAccess] = [:]
    /// Methods that are not unary, as `service/method`.
    private(set) var streaming: Set<String> = []

    var serviceNames: [String] { access.keys.sorted() }

    mutating func add(_ service: RPCService) {
        var own = RPCRouter<Transport>()
        service.service.registerMethods(with: &own)
        for method in own.methods {
            precondition(!router.hasHandler(forMethod: method), "\(method) is registered twice")
            let name = method.service.fullyQualifiedService
            precondition(access[name] == nil || access[name] == service.access, "\(name) has two policies")
            access[name] = service.access
            if method.type != .unary { streaming.insert(method.fullyQualifiedMethod) }
        }
        service.service.registerMethods(with: &router)
    }
}
