import GRPCCore
import GRPCInProcessTransport
import SoukProto
import SoukTesting
import SwiftProtobuf
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCReflectionTests {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    private func ask(_ requests: [Request]) async throws -> [Response] {
        let parts = InProcess { text, _ in text }
        return try await parts.run { () async throws in
            try await Grpc_Reflection_V1_ServerReflection.Client(wrapping: parts.peer.client)
                .serverReflectionInfo(request: .init { try await $0.write(contentsOf: requests) }) {
                    response in
                    var answers: [Response] = []
                    for try await message in response.messages { answers.append(message) }
                    return answers
                }
        }
    }

    @Test func servicesAreListedAndResolve() async throws {
        let answers = try await ask([
            .with { $0.listServices = "" },
            .with { $0.fileContainingSymbol = "grpc.health.v1.Health" },
            .with { $0.fileContainingSymbol = "souk.platform.v1.Error" },
            .with { $0.fileContainingSymbol = "grpc.health.v1.HealthCheckResponse.SERVING" },
            .with { $0.fileByFilename = "grpc/reflection/v1/reflection.proto" },
        ])
        try #require(answers.count == 5)
        // Reflection itself is not of the list when it was made, as in other implementations it needs no more.
        #expect(
            answers[0].listServicesResponse.service.map(\.name) == [
                "grpc.health.v1.Health", TestService.name,
            ])
        #expect(answers[0].originalRequest == .with { $0.listServices = "" })
        let names = try answers.dropFirst().map { answer in
            try Google_Protobuf_FileDescriptorProto(
                serializedBytes: try #require(answer.fileDescriptorResponse.fileDescriptorProto.first)
            ).name
        }
        #expect(
            names == [
                "grpc/health/v1/health.proto", "souk/platform/v1/error.proto", "grpc/health/v1/health.proto",
                "grpc/reflection/v1/reflection.proto",
            ])
    }

    @Test func aFileComesWithWhatItImports() throws {
        let index = ReflectionIndex(services: [])
        let files = try #require(index.file(declaring: "souk.auth.v1.User")).map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
        }
        let names = Set(files.map(\.name))
        for file in files { #expect(names.isSuperset(of: file.dependency)) }
        #expect(names.contains("google/protobuf/timestamp.proto"))
    }

    @Test func whatIsNotKnownIsNotFound() async throws {
        let answers = try await ask([
            .with { $0.fileContainingSymbol = "no.such.Symbol" }, .with { $0.fileByFilename = "no.proto" },
            .with { $0.fileContainingExtension = .with { $0.containingType = "souk.auth.v1.User" } },
            .with { $0.allExtensionNumbersOfType = "no.such.Type" }, .init(),
            .with { $0.allExtensionNumbersOfType = "souk.auth.v1.User" },
        ])
        #expect(answers.prefix(5).map(\.errorResponse.errorCode) == [5, 5, 5, 5, 3])
        #expect(answers.last?.allExtensionNumbersResponse.baseTypeName == "souk.auth.v1.User")
    }

    @Test func theOlderVersionAnswersTheSame() async throws {
        let parts = InProcess { text, _ in text }
        let names = try await parts.run { () async throws in
            try await Grpc_Reflection_V1alpha_ServerReflection.Client(wrapping: parts.peer.client)
                .serverReflectionInfo(
                    request: .init { writer in try await writer.write(.with { $0.listServices = "*" }) }
                ) { response in
                    var names: [String] = []
                    for try await message in response.messages {
                        names += message.listServicesResponse.service.map(\.name)
                    }
                    return names
                }
        }
        #expect(names.contains(TestService.name))
    }

    @Test func itCanBeSwitchedOff() async throws {
        var options = RPCServerOptions()
        options.reflection = false
        let parts = InProcess(options: options) { text, _ in text }
        try await parts.run { () async throws in
            await #expect {
                try await Grpc_Reflection_V1_ServerReflection.Client(wrapping: parts.peer.client)
                    .serverReflectionInfo(request: .init { _ in }) { for try await _ in $0.messages {} }
            } throws: { ($0 as? RPCError)?.code == .unimplemented }
        }
    }
}
