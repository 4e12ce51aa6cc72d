import Foundation
import GRPCCore
import SoukProto
import SwiftProtobuf
import SoukText

/// What reflection knows: the protos of the product by file, symbol and extension, and which services a server has.
struct ReflectionIndex: Sendable {
    /// Full names, sorted.
    let services: [String]

    private struct File {
        /// A serialized `google.protobuf.FileDescriptorProto`.
        var bytes: Data
        var imports: [String]
    }

    private var files: [String: File] = [:]
    private var fileOfSymbol: [String: String] = [:]
    private var fileOfExtension: [String: [Int32: String]] = [:]

    /// Answers of the descriptors in `descriptorSet` (a serialized `google.protobuf.FileDescriptorSet`).
    init(services: [String], descriptorSet: [UInt8] = ProtoDescriptors.fileDescriptorSet) {
        self.services = services
        let set = try? Google_Protobuf_FileDescriptorSet(serializedBytes: descriptorSet)
        for file in set?.file ?? [] {
            guard let bytes: Data = try? file.serializedBytes() else { continue }
            files[file.name] = File(bytes: bytes, imports: file.dependency)
            index(file)
        }
    }

    /// The file and all that it imports, itself first; `nil` when there is none of this name.
    func file(named name: String) -> [Data]? {
        guard files[name] != nil else { return nil }
        var found: [Data] = []
        var seen: Set<String> = [name]
        var next = [name]
        while let name = next.popLast() {
            guard let file = files[name] else { continue }
            found.append(file.bytes)
            for imported in file.imports where seen.insert(imported).inserted { next.append(imported) }
        }
        return found
    }

    /// The file that declares a symbol, with what it imports.
    func file(declaring symbol: String) -> [Data]? {
        fileOfSymbol[symbol.withoutPrefix(bytes: ".").map(String.init) ?? symbol].flatMap(file(named:))
    }

    /// The file that declares an extension, with what it imports.
    func file(extending type: String, number: Int32) -> [Data]? {
        fileOfExtension[type]?[number].flatMap(file(named:))
    }

    /// The numbers of a type's extensions; `nil` when there is no such type.
    func extensions(of type: String) -> [Int32]? {
        if let numbers = fileOfExtension[type] { return numbers.keys.sorted() }
        return fileOfSymbol[type] == nil ? nil : []
    }

    private mutating func index(_ file: Google_Protobuf_FileDescriptorProto) {
        let scope = file.package.isEmpty ? "" : file.package + "."
        for message in file.messageType { index(message, in: scope, of: file.name) }
        for type in file.enumType { index(type, in: scope, of: file.name) }
        for service in file.service {
            fileOfSymbol[scope + service.name] = file.name
            for method in service.method {
                fileOfSymbol["\(scope)\(service.name).\(method.name)"] = file.name
            }
        }
        for field in file.extension { index(extension: field, in: scope, of: file.name) }
    }

    private mutating func index(
        _ message: Google_Protobuf_DescriptorProto, in scope: String, of file: String
    ) {
        let name = scope + message.name
        fileOfSymbol[name] = file
        for field in message.field { fileOfSymbol["\(name).\(field.name)"] = file }
        for oneof in message.oneofDecl { fileOfSymbol["\(name).\(oneof.name)"] = file }
        for nested in message.nestedType { index(nested, in: name + ".", of: file) }
        for type in message.enumType { index(type, in: name + ".", of: file) }
        for field in message.extension { index(extension: field, in: name + ".", of: file) }
    }

    private mutating func index(
        _ type: Google_Protobuf_EnumDescriptorProto, in scope: String, of file: String
    ) {
        fileOfSymbol[scope + type.name] = file
        // Values are siblings of their enum, not children of it (descriptor.proto).
        for value in type.value { fileOfSymbol[scope + value.name] = file }
    }

    private mutating func index(
        extension field: Google_Protobuf_FieldDescriptorProto, in scope: String, of file: String
    ) {
        fileOfSymbol[scope + field.name] = file
        let type = field.extendee.withoutPrefix(bytes: ".").map(String.init) ?? field.extendee
        fileOfExtension[type, default: [:]][field.number] = file
    }
}

/// `grpc.reflection.v1.ServerReflection`
/// (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
struct ReflectionService: Grpc_Reflection_V1_ServerReflection.SimpleServiceProtocol {
    typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    let index: ReflectionIndex

    func serverReflectionInfo(
        request: RPCAsyncSequence<Request, any Error>, response: RPCWriter<Response>, context: ServerContext
    ) async throws {
        for try await question in request { try await response.write(answer(question)) }
    }

    func answer(_ question: Request) -> Response {
        .with { answer in
            answer.validHost = question.host
            answer.originalRequest = question
            answer.messageResponse = body(question)
        }
    }

    private func body(_ question: Request) -> Response.OneOf_MessageResponse {
        switch question.messageRequest {
        case .listServices:
            return .listServicesResponse(
                .with { $0.service = index.services.map { name in .with { $0.name = name } } })
        case .fileByFilename(let name):
            return files(index.file(named: name))
        case .fileContainingSymbol(let symbol):
            return files(index.file(declaring: symbol))
        case .fileContainingExtension(let wanted):
            return files(index.file(extending: wanted.containingType, number: wanted.extensionNumber))
        case .allExtensionNumbersOfType(let type):
            guard let numbers = index.extensions(of: type) else {
                return Self.error(.notFound, "No such type.")
            }
            return .allExtensionNumbersResponse(
                .with {
                    $0.baseTypeName = type
                    $0.extensionNumber = numbers
                })
        case nil:
            return Self.error(.invalidArgument, "The request asks for nothing.")
        }
    }

    private func files(_ files: [Data]?) -> Response.OneOf_MessageResponse {
        guard let files else { return Self.error(.notFound, "Nothing of this name is known.") }
        return .fileDescriptorResponse(.with { $0.fileDescriptorProto = files })
    }

    private static func error(_ code: Status.Code, _ message: String) -> Response.OneOf_MessageResponse {
        .errorResponse(
            .with {
                $0.errorCode = Int32(code.rawValue)
                $0.errorMessage = message
            })
    }
}

/// `grpc.reflection.v1alpha.ServerReflection`: the same bytes under an older name.
struct ReflectionAlphaService: Grpc_Reflection_V1alpha_ServerReflection.SimpleServiceProtocol {
    typealias Request = Grpc_Reflection_V1alpha_ServerReflectionRequest
    typealias Response = Grpc_Reflection_V1alpha_ServerReflectionResponse

    let index: ReflectionIndex

    func serverReflectionInfo(
        request: RPCAsyncSequence<Request, any Error>, response: RPCWriter<Response>, context: ServerContext
    ) async throws {
        let current = ReflectionService(index: index)
        for try await question in request {
            // Both versions have the same fields with the same numbers.
            let bytes: [UInt8] = try question.serializedBytes()
            let answer: [UInt8] = try current.answer(.init(serializedBytes: bytes)).serializedBytes()
            try await response.write(Response(serializedBytes: answer))
        }
    }
}
