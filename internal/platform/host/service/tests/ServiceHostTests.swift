import Glibc
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SoukAuthToken
import SoukBrokerEmbedded
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukErrors
import SoukEventsRuntime
import SoukHTTP
import SoukIDs
import SoukSupervisor
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukService

private final class ToyService: HostedService {
    let name = "toy"
    let backgroundServices: [any Service]
    var events: (any EventAdministration)? { nil }
    let slowStarted = TestSignal()
    let slowGoesOn = TestSignal()
    let slowWasCancelled = Mutex(false)
    private let preparation: @Sendable () async throws -> Void

    init(background: [any Service] = [], prepare: @escaping @Sendable () async throws -> Void = {}) {
        backgroundServices = background
        preparation = prepare
    }

    func prepare() async throws { try await preparation() }

    func registerRoutes(_ routes: Routes) {
        routes.open.get("/toy") { _, _ in try Reply.ok("fun") }
        routes.open.get("/slow") { _, _ in
            self.slowStarted.fire()
            await withTaskCancellationHandler {
                await self.slowGoesOn.wait()
            } onCancel: {
                self.slowGoesOn.fire()
            }
            self.slowWasCancelled.withLock { $0 = Task.isCancelled }
            return try Reply.ok("at last")
        }
    }
}

/// Runs until shutdown and says so.
private struct Background: Service {
    let started = TestSignal()
    let stopped = TestSignal()

    func run() async throws {
        started.fire()
        try await gracefulShutdown()
        stopped.fire()
    }
}

private struct Quitter: Service, CustomStringConvertible {
    var description: String { "quitter" }
    func run() async throws {}
}

private struct NoTokens: TokenVerifier {
    func verify(_ token: String) async throws(TokenError) -> Principal { throw .badSignature }
}

@Suite(.timeLimit(.minutes(1))) struct ServiceHostTests {
    private struct Process {
        let host: ServiceHost
        let sockets: HostSockets
        let servers: [any Service]
        let resources: ServiceResources
        let ready: AsyncStream<ServiceHost.Ready>
        let folder: TemporaryFolder
        /// Stands still, so that draining takes as long as a test wants.
        let clock: ManualClock
    }

    private func process(
        _ service: ToyService, probes: [ReadinessProbe] = [], extra: [any Service] = [],
        servers: [any Service] = [], waits: Bool = false, hasOperations: Bool = false,
        isGateway: Bool = false
    ) async throws -> Process {
        let folder = try TemporaryFolder()
        let resources = ServiceResources(
            name: "toy", database: try await TestDatabase.make(),
            broker: try await EmbeddedBroker.open(path: folder.path("events.sqlite")), clock: SystemClock(),
            environment: Environment(values: [:]))
        let web = WebRouter(verifier: NoTokens())
        service.registerRoutes(web.routes)
        var options = ServiceHost.Options()
        options.signals = []
        options.waitsForDependencies = waits
        let clock = ManualClock()
        options.clock = clock
        if isGateway { options.frontend = HummingbirdFrontend(logger: Logger(label: "test")) }
        let sockets = HostSockets(
            serving: try .bind(host: "127.0.0.1", port: 0),
            operations: hasOperations ? .own(try .bind(host: "127.0.0.1", port: 0)) : .serving)
        let (ready, continuation) = AsyncStream.makeStream(of: ServiceHost.Ready.self)
        let host = ServiceHost(
            services: [service], resources: [resources], extraServices: extra, probes: probes,
            sockets: sockets,
            responder: web.buildResponder(), options: options, metrics: { "up 1\n" },
            onReady: { continuation.yield($0) })
        return Process(
            host: host, sockets: sockets, servers: servers, resources: resources, ready: ready,
            folder: folder, clock: clock)
    }

    /// Runs the process inside a group that is shut down after the test, if the test has not done so.
    private func running(_ process: Process, _ test: (Int) async throws -> Void) async throws {
        try await running(process) { port, _ in try await test(port) }
    }

    private func running(_ process: Process, _ test: (Int, ServiceGroup) async throws -> Void) async throws {
        let group = ServiceGroup(
            services: [HostService(host: process.host, servers: process.servers)],
            logger: Logger(label: "test"))
        async let life: Void = group.run()
        var port = 0
        for await ready in process.ready {
            #expect(ready.startDuration > .zero)
            port = ready.port
            break
        }
        try await test(port, group)
        await group.triggerGracefulShutdown()
        try await life
    }

    private struct HostService: Service {
        let host: ServiceHost
        let servers: [any Service]
        func run() async throws { try await host.run(servers: servers) }
    }

    @Test func waitsForWhatIsAwayAndComesUpByItself() async throws {
        let (background, server) = (Background(), Background())
        let isThere = Mutex(false)
        let process = try await process(
            ToyService(background: [background]) {
                guard isThere.withLock({ $0 }) else { throw DatabaseError(.connection) }
            },
            probes: [
                ReadinessProbe("toy.thing") {
                    guard isThere.withLock({ $0 }) else { throw DatabaseError(.connection) }
                }
            ], servers: [server], waits: true)
        try await running(process) { port async throws in
            let toy = try await RawHTTP.get(port, "/toy")
            #expect(toy.hasPrefix("HTTP/1.1 503"))
            #expect(toy.lowercased().contains("retry-after: 1"))
            #expect(toy.contains("service.starting"))
            #expect(try await RawHTTP.get(port, "/livez").hasPrefix("HTTP/1.1 200"))
            let waiting = try await RawHTTP.get(port, "/readyz")
            #expect(waiting.hasPrefix("HTTP/1.1 503"))
            #expect(waiting.contains(#""status":"starting""#))
            #expect(waiting.contains("toy.thing"))
            #expect(!background.started.hasFired && !server.started.hasFired)

            isThere.withLock { $0 = true }
            while !background.started.hasFired || !server.started.hasFired {
                process.clock.advance(by: .seconds(2))
                await Task.yield()
            }
            #expect(try await RawHTTP.get(port, "/toy").hasPrefix("HTTP/1.1 200"))
            #expect(try await RawHTTP.get(port, "/readyz").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func endsForWhatWaitingDoesNotMend() async throws {
        let process = try await process(
            ToyService { throw ConfigurationError("SOUK_TOY", "is no toy") }, waits: true)
        await #expect(throws: StartupError("toy: SOUK_TOY: is no toy")) { try await process.host.run() }
    }

    @Test func shutsDownWhileItWaits() async throws {
        let process = try await process(ToyService { throw DatabaseError(.connection) }, waits: true)
        try await running(process) { port async throws in
            #expect(try await RawHTTP.get(port, "/livez").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func tellsOfWhatItCanDoWithout() async throws {
        let process = try await process(
            ToyService(),
            probes: [ReadinessProbe("cache", isRequired: false) { throw DatabaseError(.connection) }])
        try await running(process) { port async throws in
            let ready = try await RawHTTP.get(port, "/readyz")
            #expect(ready.hasPrefix("HTTP/1.1 200"))
            #expect(ready.contains(#""status":"degraded""#))
        }
    }

    @Test func servesRoutesAndHealthThenClosesEverything() async throws {
        let background = Background()
        let prepared = TestSignal()
        let process = try await process(ToyService(background: [background]) { prepared.fire() })
        try await running(process) { port async throws in
            #expect(prepared.hasFired)
            await background.started.wait()
            let toy = try await RawHTTP.get(port, "/toy")
            #expect(toy.hasPrefix("HTTP/1.1 200"))
            #expect(toy.contains(#""data":"fun""#))
            #expect(try await RawHTTP.get(port, "/livez").hasPrefix("HTTP/1.1 200"))
            let ready = try await RawHTTP.get(port, "/readyz")
            #expect(ready.hasPrefix("HTTP/1.1 200"))
            #expect(ready.contains(#""status":"ready""#))
            #expect(ready.contains(#""name":"toy.database""#))
            #expect(ready.contains(#""name":"broker""#))
            let metrics = try await RawHTTP.get(port, "/metrics")
            #expect(metrics.contains("up 1"))
            #expect(metrics.lowercased().contains("content-type: text/plain; version=0.0.4"))
            #expect(try await RawHTTP.get(port, "/readyz", method: "POST").hasPrefix("HTTP/1.1 405"))
        }
        #expect(background.stopped.hasFired)
        await #expect(throws: DatabaseError.self) { try await process.resources.database.ping() }
    }

    @Test func isNotReadyWhileSomethingIsMissing() async throws {
        let isThere = Mutex(false)
        let probe = ReadinessProbe("cache") {
            guard isThere.withLock({ $0 }) else {
                throw ServiceError(
                    .unavailable, code: "cache.gone", message: "Gone.", detail: "secret host name")
            }
        }
        let process = try await process(ToyService(), probes: [probe])
        try await running(process) { port async throws in
            let failing = try await RawHTTP.get(port, "/readyz")
            #expect(failing.hasPrefix("HTTP/1.1 503"))
            #expect(failing.contains(#""status":"failing""#))
            #expect(failing.contains("Gone."))
            #expect(!failing.contains("secret"))
            isThere.withLock { $0 = true }
            #expect(try await RawHTTP.get(port, "/readyz").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func shutdownLetsRunningRequestsFinish() async throws {
        let toy = ToyService()
        let process = try await process(toy)
        try await running(process) { port, group async throws in
            async let answer = RawHTTP.get(port, "/slow")
            await toy.slowStarted.wait()
            await group.triggerGracefulShutdown()
            await process.clock.sleepers()
            // The listener goes while the request is still running; connections that the kernel took before may linger.
            while (try? await RawHTTP.get(port, "/toy")) != nil { await Task.yield() }
            #expect(!toy.slowGoesOn.hasFired)
            toy.slowGoesOn.fire()
            #expect(try await answer.contains("at last"))
        }
        #expect(!toy.slowWasCancelled.withLock { $0 })
    }

    @Test func shutdownCutsOffRequestsThatTakeTooLong() async throws {
        let toy = ToyService()
        let process = try await process(toy)
        try await running(process) { port, group async throws in
            async let answer = RawHTTP.get(port, "/slow")
            await toy.slowStarted.wait()
            await group.triggerGracefulShutdown()
            await process.clock.sleepers()
            process.clock.advance(by: .seconds(10))
            // Whatever comes of the answer: the connection ends.
            _ = try? await answer
        }
        #expect(toy.slowWasCancelled.withLock { $0 })
    }

    @Test(arguments: [false, true])
    func anOccupiedPortIsOneClearLine(isOperations: Bool) throws {
        let occupant = try ListeningSocket.bind(host: "127.0.0.1", port: 0)
        defer { close(occupant.descriptor) }
        let configuration = try HostConfiguration(
            Environment(values: [
                "SOUK_PORT": isOperations ? "0" : "\(occupant.port)",
                "SOUK_OPS_PORT": isOperations ? "\(occupant.port)" : "off",
            ]), port: 0)
        #expect(throws: StartupError("port \(occupant.port) on 127.0.0.1 is already in use")) {
            try HostSockets.bind(configuration)
        }
    }

    @Test func operationsHaveAPortOfTheirOwn() async throws {
        let process = try await process(ToyService(), hasOperations: true)
        let operations = try #require(process.sockets.operationsPort)
        try await running(process) { port async throws in
            #expect(operations != port)
            // The gateway in front asks whether it lives, and learns no more than that.
            #expect(try await RawHTTP.get(port, "/livez").hasPrefix("HTTP/1.1 200"))
            for path in ["/readyz", "/metrics"] {
                #expect(try await RawHTTP.get(port, path).hasPrefix("HTTP/1.1 404"), "\(path)")
            }
            #expect(try await RawHTTP.get(operations, "/livez").hasPrefix("HTTP/1.1 200"))
            #expect(try await RawHTTP.get(operations, "/readyz").contains(#""name":"toy.database""#))
            #expect(try await RawHTTP.get(operations, "/metrics").contains("up 1"))
            #expect(try await RawHTTP.get(operations, "/toy").hasPrefix("HTTP/1.1 404"))
            #expect(try await RawHTTP.get(operations, "/toy").contains("\r\nDate: "))
        }
    }

    @Test func aHostThatClientsReachSaysNothingOfItself() async throws {
        let process = try await process(ToyService(), hasOperations: true, isGateway: true)
        try await running(process) { port async throws in
            for path in ["/livez", "/readyz", "/metrics"] {
                #expect(try await RawHTTP.get(port, path).hasPrefix("HTTP/1.1 404"), "\(path)")
            }
            #expect(try await RawHTTP.get(port, "/toy").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(arguments: [
        ([:], OperationsAddress.own(host: "127.0.0.1", port: nil)),
        (["SOUK_OPS_PORT": "0", "SOUK_OPS_HOST": "::"], .own(host: "::", port: 0)),
        (["SOUK_OPS_PORT": "off"], .off), (["SOUK_OPS_PORT": "public"], .serving),
    ])
    func operationsAreWhereTheEnvironmentSays(values: [String: String], expected: OperationsAddress) throws {
        #expect(try OperationsAddress(Environment(values: values)) == expected)
    }

    @Test(arguments: [(0, 0), (8_080, 8_180), (65_435, 65_535), (65_436, 65_336)])
    func operationsFollowThePortOfTheRoutes(port: Int, operations: Int) {
        #expect(OperationsAddress.port(following: port) == operations)
    }

    @Test(arguments: ["-1", "65536", "on", "private"])
    func anotherPlaceForOperationsIsRefused(text: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try OperationsAddress(Environment(values: ["SOUK_OPS_PORT": text]))
        }
        #expect(error?.name == "SOUK_OPS_PORT")
    }

    @Test func aFailingPreparationNamesTheService() async throws {
        let process = try await process(ToyService { throw DatabaseError(.corrupt, detail: "page 3") })
        let error = await #expect(throws: StartupError.self) { try await process.host.run() }
        #expect(error?.description.hasPrefix("toy: database.corrupt") == true)
        #expect(error?.description.contains("\n") == false)
        await #expect(throws: DatabaseError.self) { try await process.resources.database.ping() }
    }

    @Test func aPartThatEndsByItselfEndsTheProcess() async throws {
        let process = try await process(ToyService(background: [Quitter()]))
        await #expect(throws: StartupError("quitter ended by itself")) { try await process.host.run() }
    }
}

/// HTTP/1.1 by hand over a socket: the whole answer as text.
enum RawHTTP {
    static func get(_ port: Int, _ path: String, method: String = "GET") async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(
                ByteBuffer(
                    string:
                        "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                ))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }
}
