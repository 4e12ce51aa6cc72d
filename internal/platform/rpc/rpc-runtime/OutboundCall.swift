import GRPCCore
import Instrumentation
import SoukCallContext
import SoukErrors
import SwiftProtobuf
import Synchronization
import Tracing
import SoukText

/// A call under way, for the interceptor that sees each of its attempts.
///
/// In a task-local value, so that no adapter can forget to hand it on: gRPC's executors run calls in child tasks.
final class OutboundCall: Sendable {
    @TaskLocal static var current: OutboundCall?

    let context: CallContext
    /// Whether the user's access token goes along.
    let passesUser: Bool
    private let attemptCount = Atomic(0)

    init(_ context: CallContext, passesUser: Bool) {
        self.context = context
        self.passesUser = passesUser
    }

    /// How often a stream to the peer was had; interceptors only run on one.
    var attempts: Int { attemptCount.load(ordering: .acquiring) }

    func beginAttempt() { attemptCount.add(1, ordering: .acquiringAndReleasing) }
}

/// Adds to each attempt of a call who calls, the proof for whom, and in which trace.
struct PeerInterceptor: ClientInterceptor {
    let peer: String
    let identity: ServiceIdentity?
    let maxMessageBytes: Int

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: (
            _ request: StreamingClientRequest<Input>, _ context: ClientContext
        ) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        // Only unary calls have a message that can be looked at twice.
        if context.descriptor.type == .unary {
            try await request.producer(RPCWriter(wrapping: SizeCheck(maxBytes: maxMessageBytes)))
        }
        var request = request
        if let identity {
            request.metadata.replaceOrAddString(
                try identity.token(for: peer), forKey: RPCMetadataKey.identity)
        }
        if let call = OutboundCall.current {
            call.beginAttempt()
            request.metadata.replaceOrAddString(call.context.requestID, forKey: RPCMetadataKey.requestID)
            if call.passesUser, let proof = call.context.proof {
                request.metadata.replaceOrAddString(
                    "Bearer \(proof.reveal())", forKey: RPCMetadataKey.authorization)
            }
        }
        if let trace = ServiceContext.current {
            InstrumentationSystem.instrument.inject(trace, into: &request.metadata, using: MetadataInjector())
        }
        return try await next(request, context)
    }
}

/// Refuses what the peer would refuse: the transport over there resets the stream and does not say why.
///
/// Encodes the message to measure it, which costs little beside a call; messages know no shorter way.
private struct SizeCheck<Input: Sendable>: RPCWriterProtocol {
    let maxBytes: Int

    func write(_ element: Input) async throws {
        guard let message = element as? any SwiftProtobuf.Message else { return }
        let bytes: [UInt8] = try message.serializedBytes()
        guard bytes.count <= maxBytes else {
            throw RPCFailure(
                .tooLarge, code: "rpc.message_too_large", message: "The request is too large.",
                origin: .transport
            ).rpcError
        }
    }

    func write(contentsOf elements: some Sequence<Input>) async throws {
        for element in elements { try await write(element) }
    }
}

struct MetadataInjector: Injector {
    func inject(_ value: String, forKey key: String, into metadata: inout Metadata) {
        metadata.replaceOrAddString(value, forKey: key.lowercasedASCII())
    }
}
