import Foundation
import GRPCCore
package import GRPCInProcessTransport
package import GRPCNIOTransportHTTP2Posix
import JWTKit
package import SoukAuthToken
package import ServiceLifecycle
import SoukEnv
package import SoukRPCRuntime

/// A way on which a kernel is reached, so that one suite of tests runs on all of them.
package enum KernelRoute: String, CaseIterable, Sendable, CustomStringConvertible {
    /// The kernel itself.
    case local
    /// Its adapters over gRPC's transport in the process.
    case inProcess = "in process"
    /// Its adapters over HTTP/2 on a loopback socket.
    case socket

    package var description: String { rawValue }

    /// Runs `body` with the kernel as it is seen on this route: service identity included, everything stopped at the end.
    ///
    /// - Parameters:
    ///   - peer: the service that serves.
    ///   - caller: the service that calls.
    ///   - verifier: verifies users' access tokens, for methods that are called for a user.
    package func run<Kernel: Sendable>(
        local: Kernel, _ service: RPCService, of peer: String, as caller: String,
        verifier: (any TokenVerifier)? = nil,
        inProcess: (RPCPeer<InProcessTransport.Client>) -> Kernel,
        socket: (RPCPeer<HTTP2ClientTransport.Posix>) -> Kernel,
        _ body: (Kernel) async throws -> Void
    ) async throws {
        guard self != .local else { return try await body(local) }
        let keys = try ServiceKeys(caller)
        // Its folder is read as long as calls come.
        defer { withExtendedLifetime(keys) {} }
        let ring = ServiceKeyRing(directory: keys.folder, service: peer)
        switch self {
        case .local:
            break
        case .inProcess:
            let transport = InProcessTransport()
            let server = RPCServer(
                transport: transport.server, services: [service], identities: ring, verifier: verifier)
            let client = RPCPeer(name: peer, transport: transport.client, identity: keys.identity)
            try await Self.running([server, client]) { try await body(inProcess(client)) }
        case .socket:
            let server = RPCServer(
                host: "127.0.0.1", port: 0, services: [service], identities: ring,
                verifier: verifier)
            try await Self.running([server]) {
                let client = try RPCPeer(
                    name: peer, addresses: PeerAddresses("127.0.0.1:\(try await server.port)", for: "peer"),
                    identity: keys.identity)
                try await Self.running([client]) { try await body(socket(client)) }
            }
        }
    }

    /// Runs services beside `body`, and ends them when it is done.
    package static func running(
        _ services: [any Service], _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services {
                group.addTask {
                    do {
                        try await service.run()
                    } catch is CancellationError {
                        // That is how they end here.
                    }
                }
            }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }
}

/// A key pair of a service, with the public one in a folder that goes with it.
package final class ServiceKeys: Sendable {
    package let folder: String
    package let identity: ServiceIdentity

    package init(_ service: String) throws {
        folder = NSTemporaryDirectory() + "souk-keys-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let key = try EdDSA.PrivateKey()
        identity = try ServiceIdentity(service: service, privateKeyPEM: Secret(key.pemRepresentation))
        try key.publicKey.pemRepresentation.write(
            toFile: "\(folder)/\(service).pem", atomically: true, encoding: .utf8)
    }

    deinit {
        // A folder of the system's temporary ones: what can't be removed is not worth an error.
        try? FileManager.default.removeItem(atPath: folder)
    }
}
