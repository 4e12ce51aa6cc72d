import GRPCCore
import Hummingbird
import ServiceLifecycle
import SoukAuthToken
import SoukBroker
import SoukCache
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukEnv
import SoukEventsRuntime
import SoukGuards
import SoukHTTP
import SoukHTTPTesting
import SoukRPCRuntime
import SoukService
import SoukSupervisor
import SoukTesting
import SoukTime

@testable import SoukProcess

protocol BakerKernel: Sendable {
    var bread: String { get }
}

enum BakerKey: KernelKey {
    typealias Kernel = any BakerKernel
    static let service = "baker"
}

enum GrocerKey: KernelKey {
    typealias Kernel = any BakerKernel
    static let service = "grocer"
}

extension EventInterest {
    static let bread = EventInterest(type: "bread.baked.v1", topic: "bread")
}

/// What a definition of the toy system may say otherwise.
struct Toy: Sendable {
    var name = "baker"
    var ports = ServicePorts(http: 1, grpc: 2)
    var databases: [String]?
    var routes = ["/bread/**"]
    var paths = ["/bread", "/bread/{id}"]
    var offers: [KernelOffer] = []
    var peers: [any KernelKey.Type] = []
    /// What it asks for when it is composed.
    var calls: [any KernelKey.Type] = []
    var databaseAskedFor: String?
    var handles: Set<EventInterest> = []
    var keepsItsOffer = true
    var isEntrance = false

    var definition: ServiceDefinition {
        ServiceDefinition(
            name: name, abstract: "A toy.", ports: ports, databases: databases, routes: routes,
            kernels: offers, peers: peers, handles: handles, isEntrance: isEntrance
        ) { composition in
            var parts = ServiceParts([ToyService(name: name, paths: paths)])
            if name == BakerKey.service { composition.verifyTokens(with: PlainTokens()) }
            if databases?.isEmpty != true {
                _ = try await composition.resources(databaseAskedFor)
            }
            for key in calls {
                if key == BakerKey.self { _ = try composition.kernel(BakerKey.self) }
                if key == GrocerKey.self { _ = try composition.kernel(GrocerKey.self) }
            }
            if keepsItsOffer {
                composition.offer(Oven(), as: BakerKey.self)
                composition.offer(Oven(), as: GrocerKey.self)
            }
            if isEntrance { parts.administrations = try composition.eventAdministrations() }
            return parts
        }
    }

    static func offer<Key: KernelKey>(_ key: Key.Type) -> KernelOffer where Key.Kernel == any BakerKernel {
        KernelOffer(key, server: { _ in NoRPC() }, client: { _ in Oven() })
    }
}

struct Oven: BakerKernel {
    let bread = "rye"
}

private struct NoRPC: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {}
}

private struct ToyService: HostedService {
    let name: String
    let paths: [String]

    func prepare() async throws {}

    func registerRoutes(_ routes: Routes) {
        for path in paths { routes.open.get(.init(path)) { _, _ in try Reply.ok("toy") } }
    }

    var backgroundServices: [any Service] { [] }
    var events: (any EventAdministration)? { nil }
}

/// One process for all, over databases of a test.
struct ToyBacking: BackingServices {
    var cache: (any Cache)? { nil }
    /// nil where there is no other process.
    var remote: (any RemoteServices)?
    let waitsForDependencies = false
    let probes: [ReadinessProbe] = []
    var publicURL: @Sendable () -> String { { "http://toy.test" } }
    var callbackURL: @Sendable () -> String { publicURL }

    func database(_ name: String) async throws -> any Database { try await TestDatabase.make() }
    func broker(groups: [String: Set<String>]) async throws -> any Broker { UnusedBroker() }
    func directory(_ name: String) -> String? { nil }
    func secret(_ name: String) throws -> Secret<String>? { nil }
    func didStart(_ name: String, _ ready: ServiceHost.Ready) {}
    func close() async {}
}

/// Other processes that nobody reaches.
struct ToyProcesses: RemoteServices {
    func peer(_ service: ServiceDefinition) throws -> HTTP2Peer {
        try HTTP2Peer(
            name: service.name, addresses: try PeerAddresses("127.0.0.1:1", for: "TOY_GRPC_ADDRESS"),
            identity: nil)
    }

    func tokenKeys(of service: ServiceDefinition, clock: any WallClock) throws -> RemoteTokenKeys {
        RemoteTokenKeys(.init(url: "http://127.0.0.1:1/keys"), cache: nil, clock: clock)
    }

    func server(
        on socket: ListeningSocket, services: [RPCService], verifier: any TokenVerifier,
        accounts: any AccountGuard
    ) throws -> HTTP2Server {
        throw StartupError("the toys serve nothing")
    }

    func checkTrustedProxies() throws {}
}

extension SystemDefinition {
    /// These services, whose sessions nobody checks.
    init(_ toys: [Toy]) {
        self.init(
            services: toys.map(\.definition),
            accounts: AccountGuardDefinition(
                kernel: BakerKey.self
            ) { composition in
                _ = try composition.kernel(BakerKey.self)
                return ActiveAccountGuard(cache: nil, clock: composition.clock) { _, _, _ in
                    throw CancellationError()
                }
            })
    }
}
