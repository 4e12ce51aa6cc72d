import Foundation
import SoukErrors
import SoukTesting
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCTLSTests {
    /// An authority and a certificate of it, made by openssl.
    private struct Authority {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", "/CN=Test authority", "-keyout",
                folder.path("ca.key"), "-out", folder.path("ca.pem"))
            try openssl(
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                "/CN=souk", "-keyout", folder.path("souk.key"),
                "-out", folder.path("souk.csr"))
            try Data("subjectAltName=DNS:localhost,IP:127.0.0.1".utf8)
                .write(to: URL(fileURLWithPath: folder.path("names")))
            try openssl(
                "x509", "-req", "-in", folder.path("souk.csr"), "-CA", folder.path("ca.pem"), "-CAkey",
                folder.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", folder.path("names"),
                "-out",
                folder.path("souk.pem"))
        }

        var tls: RPCTLS {
            RPCTLS(
                certificateFile: folder.path("souk.pem"), keyFile: folder.path("souk.key"),
                authorityFile: folder.path("ca.pem"))
        }

        private func openssl(_ arguments: String...) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments = arguments
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
        }
    }

    private func outcome(_ serverTLS: RPCTLS?, _ clientTLS: RPCTLS?, host: String = "127.0.0.1") async throws
        -> String
    {
        var (serverOptions, peerOptions) = (RPCServerOptions(), RPCPeerOptions())
        serverOptions.tls = serverTLS
        peerOptions.tls = clientTLS
        let node = Node(options: serverOptions)
        let peer = try peer("\(host):\(await node.port)", options: peerOptions)
        let outcome = try await running([peer]) { () async throws in
            do throws(RPCFailure) { return try await peer.ask("secure") } catch { return "\(error.kind)" }
        }
        await node.kill()
        return outcome
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func bothSidesOfOneAuthorityTalk(_ host: String) async throws
    {
        let authority = try Authority()
        defer { withExtendedLifetime(authority) {} }
        let tls = authority.tls
        #expect(try await outcome(tls, tls, host: host) == "secure")
    }

    @Test func aClientOfAnotherAuthorityIsRefused() async throws {
        let (ours, theirs) = (try Authority(), try Authority())
        // It trusts us, but shows a certificate that we don't know.
        var stranger = theirs.tls
        stranger.authorityFile = ours.tls.authorityFile
        #expect(try await outcome(ours.tls, stranger) == "unavailable")
    }

    @Test func aServerOfAnotherAuthorityIsRefused() async throws {
        let (ours, theirs) = (try Authority(), try Authority())
        var stranger = theirs.tls
        stranger.authorityFile = ours.tls.authorityFile
        #expect(try await outcome(stranger, ours.tls) == "unavailable")
    }

    @Test func plaintextIsRefused() async throws {
        let authority = try Authority()
        defer { withExtendedLifetime(authority) {} }
        #expect(try await outcome(authority.tls, nil) == "unavailable")
    }

    @Test func filesThatAreNotThereAreAnErrorOfTheConfiguration() async throws {
        var options = RPCPeerOptions()
        options.tls = RPCTLS(certificateFile: "/no/cert", keyFile: "/no/key", authorityFile: "/no/ca")
        #expect(throws: (any Error).self) { _ = try peer("127.0.0.1:1", options: options) }
    }
}
