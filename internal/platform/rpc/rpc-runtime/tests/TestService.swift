import Crypto
import Foundation
import GRPCCore
import GRPCInProcessTransport
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import JWTKit
import Logging
import ServiceLifecycle
import SoukAuthToken
import SoukCallContext
import SoukEnv
import SoukTesting
import SoukTime
import SwiftProtobuf
import Testing

@testable import SoukRPCRuntime

/// One unary method over texts, whose answer a closure gives.
struct TestService: RegistrableRPCService {
    static let name = "souk.test.v1.Test"
    static let method = MethodDescriptor(
        service: ServiceDescriptor(fullyQualifiedService: name), method: "Do", type: .unary)

    let handler: @Sendable (String, ServerContext) async throws -> String

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: Self.method, deserializer: ProtobufDeserializer<Google_Protobuf_StringValue>(),
            serializer: ProtobufSerializer<Google_Protobuf_StringValue>()
        ) { request, context in
            let text = try await ServerRequest(stream: request).message.value
            let answer = try await handler(text, context)
            return StreamingServerResponse(
                single: ServerResponse(message: Google_Protobuf_StringValue(answer)))
        }
    }
}

extension RPCPeer {
    /// Calls the test method.
    func ask(
        _ text: String = "", _ context: CallContext = CallContext(requestID: "test"), idempotent: Bool = true,
        asUser: Bool = false, metadata: Metadata = [:]
    ) async throws(RPCFailure) -> String {
        try await call(TestService.method, context, idempotent: idempotent, asUser: asUser) {
            client, options in
            try await client.unary(
                request: ClientRequest(message: Google_Protobuf_StringValue(text), metadata: metadata),
                descriptor: TestService.method, serializer: ProtobufSerializer<Google_Protobuf_StringValue>(),
                deserializer: ProtobufDeserializer<Google_Protobuf_StringValue>(), options: options
            ) { try $0.message.value }
        }
    }
}

/// Keys of a few services in a folder.
final class TestKeys: Sendable {
    let folder: TemporaryFolder
    private let keys: [String: EdDSA.PrivateKey]

    init(_ services: String...) throws {
        folder = try TemporaryFolder()
        keys = try Dictionary(uniqueKeysWithValues: services.map { ($0, try EdDSA.PrivateKey()) })
        for (service, key) in keys { try publish(key.publicKey, as: service) }
    }

    func publish(_ key: EdDSA.PublicKey, as service: String) throws {
        try Data(key.pemRepresentation.utf8).write(to: URL(fileURLWithPath: folder.path("\(service).pem")))
    }

    func identity(_ service: String, clock: any WallClock = SystemClock()) throws -> ServiceIdentity {
        try ServiceIdentity(
            service: service, privateKeyPEM: Secret(try #require(keys[service]).pemRepresentation),
            clock: clock)
    }

    func ring(for service: String, clock: any WallClock = SystemClock()) -> ServiceKeyRing {
        ServiceKeyRing(directory: folder.path, service: service, clock: clock, logger: .silent)
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// Runs services while `body` runs, and shuts them down gracefully.
@discardableResult
func running<T: Sendable>(_ services: [any Service], _ body: () async throws -> T) async throws -> T {
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .ignore) },
            logger: .silent))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        do {
            let result = try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        } catch {
            tasks.cancelAll()
            throw error
        }
    }
}

/// A server and a client over the in-process transport.
struct InProcess {
    let server: RPCServer<InProcessTransport.Server>
    let peer: RPCPeer<InProcessTransport.Client>

    init(
        access: RPCAccess = .open, options: RPCServerOptions = RPCServerOptions(),
        identities: ServiceKeyRing? = nil, identity: ServiceIdentity? = nil,
        verifier: (any TokenVerifier)? = nil, accounts: (any AccountGuard)? = nil, logger: Logger = .silent,
        peerOptions: RPCPeerOptions = .patient,
        _ handler: @escaping @Sendable (String, ServerContext) async throws -> String
    ) {
        let transport = InProcessTransport()
        server = RPCServer(
            transport: transport.server,
            services: [RPCService(TestService(handler: handler), access: access)],
            options: options, identities: identities, verifier: verifier, accounts: accounts, logger: logger)
        peer = RPCPeer(name: "order", transport: transport.client, identity: identity, options: peerOptions)
    }

    @discardableResult
    func run<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        try await running([server, peer], body)
    }
}

/// A server on a socket that can be stopped and killed by itself.
final class Node: Sendable {
    let server: RPCServer<HTTP2ServerTransport.Posix>
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    init(
        port: Int = 0, options: RPCServerOptions = RPCServerOptions(), services: [RPCService] = [],
        access: RPCAccess = .open, identities: ServiceKeyRing? = nil,
        verifier: (any TokenVerifier)? = nil, accounts: (any AccountGuard)? = nil, logger: Logger = .silent,
        _ handler: @escaping @Sendable (String, ServerContext) async throws -> String = { text, _ in text }
    ) {
        let server = RPCServer(
            host: "127.0.0.1", port: port,
            services: services + [RPCService(TestService(handler: handler), access: access)],
            options: options,
            identities: identities, verifier: verifier, accounts: accounts, logger: logger)
        self.server = server
        let group = ServiceGroup(services: [server], logger: .silent)
        self.group = group
        // Unstructured, so that a test can end it in the middle.
        task = Task { try await group.run() }
    }

    var port: Int { get async throws { try await server.port } }

    func stop() async { await group.triggerGracefulShutdown() }

    func stopped() async { _ = await task.result }

    func kill() async {
        task.cancel()
        _ = await task.result
    }
}

extension RPCPeerOptions {
    /// For machines that are busy: what is expected to answer is given time.
    static var patient: RPCPeerOptions {
        var options = RPCPeerOptions()
        options.connectTimeout = .seconds(12)
        options.defaultTimeout = .seconds(12)
        return options
    }

    /// As in production, but for a deadline that is far: a call that waits for it shows.
    static var impatient: RPCPeerOptions {
        var options = RPCPeerOptions()
        options.defaultTimeout = .seconds(8)
        return options
    }
}

func peer(
    _ addresses: String, identity: ServiceIdentity? = nil, options: RPCPeerOptions = .patient
) throws -> RPCPeer<HTTP2ClientTransport.Posix> {
    try RPCPeer(
        name: "order", addresses: PeerAddresses(addresses, for: "TEST"), identity: identity, options: options)
}

/// Asks again until the answer is as wanted; for what takes a moment. Bounded.
func eventually(
    within limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}
