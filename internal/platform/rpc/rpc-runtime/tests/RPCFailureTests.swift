import GRPCCore
import SoukCallContext
import SoukErrors
import SoukTesting
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct RPCFailureTests {
    private struct KernelError: SoukError {
        var kind: ErrorKind
        var code: String { "stock.insufficient" }
        var message: String { "Not enough in stock." }
        var detail: String? { "secret detail" }
        var fieldErrors: [FieldError] {
            [FieldError(field: "lines[2]", code: "too_many", message: "Too many.")]
        }
        var retryAfter: Duration? { .milliseconds(1_250) }
    }

    private struct Broken: Error, CustomStringConvertible {
        var description: String { "the password is 1234" }
    }

    @Test(arguments: ErrorKind.allCases) func everyKindComesBackAsItWas(_ kind: ErrorKind) async throws {
        var options = RPCPeerOptions.patient
        options.maxAttempts = 1
        let parts = InProcess(peerOptions: options) { _, context in
            try await answering(context, payload: { (_: KernelError) in [1, 2, 3] }) {
                _ throws(KernelError) -> String in throw KernelError(kind: kind)
            }
        }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: { error in
                guard let failure = error as? RPCFailure else { return false }
                #expect(failure.kind == kind)
                #expect(failure.code == "stock.insufficient")
                #expect(failure.message == "Not enough in stock.")
                #expect(failure.fieldErrors == KernelError(kind: kind).fieldErrors)
                #expect(failure.retryAfter == .milliseconds(1_250))
                #expect(failure.payload == [1, 2, 3])
                #expect(failure.detail == nil, "what is for logs stays in the service")
                return failure.origin == .service
            }
        }
    }

    @Test(arguments: ErrorKind.allCases) func theStatusIsTheOneOfTheKind(_ kind: ErrorKind) {
        let error = RPCFailure(KernelError(kind: kind)).rpcError
        #expect(error.code.rawValue == kind.grpcCode)
        #expect(error.metadata.first("souk-error-code") == "stock.insufficient")
    }

    @Test(arguments: 1...16) func everyStatusOfAStrangerHasAKind(_ number: Int) throws {
        let code = try #require(Status.Code(rawValue: number).flatMap(RPCError.Code.init))
        let failure = RPCFailure(RPCError(code: code, message: "x"))
        #expect(failure.origin == .transport)
        #expect(failure.code.hasPrefix("rpc."))
        #expect(!failure.code.contains(" "))
        // A kind that has this status leads back to a kind with this status.
        if let kind = ErrorKind.allCases.first(where: { $0.grpcCode == number }) {
            #expect(failure.kind.grpcCode == kind.grpcCode)
        }
    }

    @Test func anUnknownErrorSaysNothingOfItself() async throws {
        let parts = InProcess { _, _ in throw Broken() }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: { error in
                let failure = error as? RPCFailure
                return failure?.kind == .internalError && failure?.code == "internal"
                    && !String(describing: error).contains("1234")
            }
        }
    }

    @Test func errorsOfTheProductMayBeThrownAsTheyAre() async throws {
        let parts = InProcess { _, _ in
            throw ValidationError(field: "name", code: "required", message: "Required.")
        }
        try await parts.run { () async throws in
            await #expect { _ = try await parts.peer.ask() } throws: {
                ($0 as? RPCFailure)?.fieldErrors.first?.field == "name"
            }
        }
    }

    @Test func aTrailerThatWouldBeTooLongKeepsWhatDecides() {
        let error = RPCFailure(KernelError(kind: .conflict), payload: [UInt8](repeating: 7, count: 20_000))
            .rpcError
        let failure = RPCFailure(error)
        #expect(failure.code == "stock.insufficient")
        #expect(failure.kind == .conflict)
        #expect(failure.payload.isEmpty)
    }

    @Test func trailersOfAStrangerDoNoHarm() {
        let garbage = RPCError(
            code: .aborted, message: "x", metadata: ["souk-error-bin": .binary([0xff, 0xff, 0x01])])
        #expect(RPCFailure(garbage).kind == .conflict)
    }
}
