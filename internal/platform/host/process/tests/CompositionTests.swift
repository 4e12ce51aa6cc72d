import SoukEnv
import SoukEventsRuntime
import SoukHTTP
import SoukService
import SoukTesting
import Testing

@testable import SoukProcess

@Suite struct CompositionTests {
    private static let baker = Toy(offers: [Toy.offer(BakerKey.self)])
    private static let grocer = Toy(
        name: "grocer", ports: ServicePorts(http: 3, grpc: 4), routes: ["/fruit/**"], paths: ["/fruit"],
        offers: [Toy.offer(GrocerKey.self)], peers: [BakerKey.self], calls: [BakerKey.self])

    private func compose(
        _ toys: [Toy], hosting names: Set<String>? = nil, remote: (any RemoteServices)? = nil
    ) async throws -> ServiceProcess {
        let environment = Environment(values: [:])
        return try await ServiceProcess.compose(
            "toys", SystemDefinition(toys), services: names, on: ToyBacking(remote: remote),
            environment: environment,
            server: try HostConfiguration(environment, port: 0), sockets: nil)
    }

    /// What is said of the services; empty where nothing is.
    private func failure(_ toys: Toy..., hosting names: Set<String>? = nil) async throws -> String {
        do {
            await (try await compose(toys, hosting: names)).close()
            return ""
        } catch let error as StartupError {
            return "\(error)"
        }
    }

    @Test func servicesGetTheirPeers() async throws {
        let process = try await compose([Self.grocer, Self.baker])
        #expect(process.routes == ["GET /bread", "GET /bread/{id}", "GET /fruit"])
        await process.close()
    }

    @Test(arguments: ["baker", "grocer", "door"])
    func everyServiceIsAProcessByItself(name: String) async throws {
        let door = Toy(
            name: "door", ports: ServicePorts(http: 5, grpc: nil), databases: [],
            routes: ["/api/v1/admin/events/**"], paths: [],
            isEntrance: true)
        let process = try await compose(
            [door, Self.grocer, Self.baker], hosting: [name], remote: ToyProcesses())
        #expect(!process.routes.isEmpty)
        await process.close()
    }

    @Test func onlyPeersOfTheDefinitionAreHandedOut() async throws {
        var baker = Self.baker
        baker.calls = [GrocerKey.self]
        #expect(
            try await failure(baker, Self.grocer)
                == "baker calls GrocerKey, which its definition does not name")
    }

    @Test func whatIsDefinedMustBeOffered() async throws {
        var baker = Self.baker
        baker.keepsItsOffer = false
        #expect(try await failure(baker) == "baker does not offer BakerKey, though its definition does")
    }

    @Test func onlyDatabasesOfTheDefinitionAreOpened() async throws {
        var baker = Self.baker
        baker.databaseAskedFor = "grocer"
        #expect(
            try await failure(baker)
                == "baker asks for the database grocer, which its definition does not name")
    }

    @Test func aPeerElsewhereNeedsAnotherProcess() async throws {
        #expect(
            try await failure(Self.grocer, Self.baker, hosting: ["grocer"])
                == "baker does not run in this process, and there is no other")
    }

    @Test func aRouteNobodyLeadsToIsRefused() async throws {
        var baker = Self.baker
        baker.paths.append("/cake")
        #expect(try await failure(baker) == "baker serves /cake, which no route of its definition leads to")
    }

    @Test func aRouteThatLeadsNowhereIsRefused() async throws {
        var baker = Self.baker
        baker.routes.append("/cake/{id}")
        #expect(
            try await failure(baker) == "baker serves nothing under /cake/{id}, a route of its definition")
    }

    @Test func topicsThatNobodyReadsAreRefused() async throws {
        var baker = Self.baker
        baker.handles = [.bread]
        #expect(
            try await failure(baker) == #"baker reads the topics [], but by its definition ["bread"]"#)
    }
}
