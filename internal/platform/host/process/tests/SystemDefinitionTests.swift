import SoukEventsRuntime
import SoukService
import Testing

@testable import SoukProcess

@Suite struct SystemDefinitionTests {
    private static let baker = Toy(
        offers: [Toy.offer(BakerKey.self)], handles: [.bread])
    private static let grocer = Toy(
        name: "grocer", ports: ServicePorts(http: 3, grpc: 4), routes: ["/fruit/**"],
        offers: [Toy.offer(GrocerKey.self)], peers: [BakerKey.self])
    private static let door = Toy(
        name: "door", ports: ServicePorts(http: 5, grpc: nil), databases: [], routes: [], isEntrance: true)

    @Test func definitionsThatAgreePass() throws {
        try SystemDefinition([Self.door, Self.baker, Self.grocer]).check()
    }

    /// Each: what is said of two services, and what is changed of the second for that.
    private static let contradictions: [(message: String, change: @Sendable (inout Toy) -> Void)] = [
        ("two services have the name baker", { $0.name = "baker" }),
        ("two services have the port 1", { $0.ports = ServicePorts(http: 1, grpc: 4) }),
        ("two services have the port 2", { $0.ports = ServicePorts(http: 3, grpc: 2) }),
        ("two services have the database baker", { $0.databases = ["baker"] }),
        ("two services have the route /bread/**", { $0.routes = ["/bread/**"] }),
        ("grocer has no port for gRPC", { $0.ports = ServicePorts(http: 3, grpc: nil) }),
        ("grocer offers BakerKey, which names baker", { $0.offers = [Toy.offer(BakerKey.self)] }),
        (
            "grocer calls GrocerKey, which grocer does not offer",
            {
                $0.offers = []
                $0.peers = [GrocerKey.self]
            }
        ),
        (
            "grocer handles events and has no database",
            {
                $0.databases = []
                $0.handles = [.bread]
            }
        ),
    ]

    @Test(arguments: contradictions.indices) func contradictionsAreRefused(index: Int) {
        let (message, change) = Self.contradictions[index]
        var grocer = Self.grocer
        change(&grocer)
        #expect { try SystemDefinition([Self.baker, grocer]).check() } throws: { "\($0)" == message }
    }

    @Test func servicesMayNotCallEachOther() {
        var baker = Self.baker
        baker.peers = [GrocerKey.self]
        #expect { try SystemDefinition([baker, Self.grocer]).check() } throws: {
            "\($0)" == "services call each other: baker → grocer → baker"
        }
    }

    @Test func whoCallsFollowsFromThePeers() throws {
        let system = SystemDefinition([Self.door, Self.baker, Self.grocer])
        // Everybody checks sessions, and the toys' sessions are the baker's.
        #expect(system.callers(of: BakerKey.self) == ["door", "grocer"])
        #expect(system.callers(of: GrocerKey.self).isEmpty)
        #expect(system.eventAdministrators == ["door"])
        #expect(system.peers(of: try system.service("door")).map(\.name) == ["baker", "grocer"])
        #expect(system.peers(of: try system.service("baker")).isEmpty)
        #expect(system.publicPort == 5)
    }

    @Test func groupsReadWhatTheirHandlersDo() {
        let system = SystemDefinition([Self.door, Self.baker, Self.grocer])
        #expect(system.groups == ["baker": ["bread"], "grocer": []])
    }

    @Test func aServiceIsComposedAfterThoseItCalls() throws {
        let system = SystemDefinition([Self.door, Self.grocer, Self.baker])
        #expect(
            try system.compositionOrder(["door", "baker", "grocer"]).map(\.name) == [
                "baker", "grocer", "door",
            ])
        #expect(try system.compositionOrder(["grocer"]).map(\.name) == ["grocer"])
    }

    @Test func anUnknownServiceIsNamed() {
        #expect { _ = try SystemDefinition([Self.baker]).service("miller") } throws: {
            "\($0)" == "there is no service miller"
        }
    }
}
