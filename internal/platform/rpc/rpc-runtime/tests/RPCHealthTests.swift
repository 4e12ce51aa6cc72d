import GRPCCore
import GRPCInProcessTransport
import SoukErrors
import SoukProto
import SoukTesting
import SwiftProtobuf
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCHealthTests {
    private typealias Client = Grpc_Health_V1_Health.Client<InProcessTransport.Client>

    @Test func nothingServesUntilTheHostSaysSo() async throws {
        let parts = InProcess { text, _ in text }
        try await parts.run { () async throws in
            let client = Client(wrapping: parts.peer.client)
            #expect(try await client.check(.init()).status == .notServing)
            parts.server.health.set(.serving)
            #expect(try await client.check(.init()).status == .serving)
            #expect(try await client.check(.with { $0.service = TestService.name }).status == .serving)

            parts.server.health.set(.notServing, service: TestService.name)
            let statuses = try await client.list(.init()).statuses.mapValues(\.status)
            #expect(statuses == ["": .serving, TestService.name: .notServing])

            await #expect { _ = try await client.check(.with { $0.service = "no.such.Service" }) } throws: {
                ($0 as? RPCError)?.code == .notFound
            }
        }
    }

    @Test func watchTellsEveryChangeAndEndsWithTheServer() async throws {
        let parts = InProcess { text, _ in text }
        try await parts.run { () async throws in
            let client = Client(wrapping: parts.peer.client)
            let seen = try await client.watch(.with { $0.service = TestService.name }) { response in
                var seen: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] = []
                for try await message in response.messages {
                    seen.append(message.status)
                    switch seen.count {
                    case 1: parts.server.health.set(.serving)
                    case 2: parts.server.health.set(.notServing, service: TestService.name)
                    case 3: parts.server.health.set(.serving, service: TestService.name)
                    default: parts.server.health.end()
                    }
                }
                return seen
            }
            #expect(seen == [.notServing, .serving, .notServing, .serving, .notServing])
            // For good: nobody makes a server that shuts down welcome calls again.
            parts.server.health.set(.serving)
            #expect(parts.server.health.status() == .notServing)
        }
    }

    @Test func watchOfAnUnknownServiceSaysSoAndStays() async throws {
        let parts = InProcess { text, _ in text }
        try await parts.run { () async throws in
            let client = Client(wrapping: parts.peer.client)
            let seen = try await client.watch(.with { $0.service = "no.such.Service" }) { response in
                var seen: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] = []
                for try await message in response.messages {
                    seen.append(message.status)
                    parts.server.health.end()
                }
                return seen
            }
            #expect(seen == [.serviceUnknown])
        }
    }

    @Test func watchersAreBoundedAndForgotten() async throws {
        let health = RPCHealth(services: ["a"])
        var streams = (0..<RPCHealth.maxWatchers).compactMap { _ in health.watch("a") }
        #expect(streams.count == RPCHealth.maxWatchers)
        #expect(health.watch("a") == nil)
        streams.removeLast()
        #expect(health.watch("a") != nil)
        #expect(!streams.isEmpty)
    }
}
