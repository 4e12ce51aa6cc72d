import FoundationEssentials
package import GRPCCore
package import SoukErrors
import SoukProto
import SwiftProtobuf
import SoukText

/// How a call failed, as it travels between services: what the server says of an error, and what the caller
/// learns of it.
package struct RPCFailure: SoukError, Hashable {
    /// Whose words these are.
    package enum Origin: Sendable, Hashable {
        /// The service that was called answered so.
        case service
        /// The way there: no connection, deadline, refused credentials, a broken answer. `code` then starts with
        /// `rpc.`.
        case transport
    }

    package let kind: ErrorKind
    package let code: String
    package let message: String
    package let detail: String?
    package let fieldErrors: [FieldError]
    package let retryAfter: Duration?
    /// A serialized message of the service that fails, for what its kernel's error carries; often empty.
    package let payload: [UInt8]
    package let origin: Origin

    /// What a service says: `error`, and what else its callers need to know.
    package init(_ error: any SoukError, payload: [UInt8] = []) {
        kind = error.kind
        code = error.code
        message = error.message
        detail = error.detail
        fieldErrors = error.fieldErrors
        retryAfter = error.retryAfter
        self.payload = payload
        origin = .service
    }

    init(
        _ kind: ErrorKind, code: String, message: String, detail: String? = nil,
        fieldErrors: [FieldError] = [], retryAfter: Duration? = nil, payload: [UInt8] = [], origin: Origin
    ) {
        self.kind = kind
        self.code = code
        self.message = message
        self.detail = detail
        self.fieldErrors = fieldErrors
        self.retryAfter = retryAfter
        self.payload = payload
        self.origin = origin
    }
}

extension RPCFailure: CustomStringConvertible {
    /// Same as ``SoukError/logDescription``.
    package var description: String { logDescription }
}

// MARK: - On the wire

extension RPCFailure {
    /// Trailers are kept below what HTTP/2 implementations take of headers (8 KiB is common).
    private static let maxEncodedLength = 6_000

    /// The gRPC error with the trailers `souk-error-code` and `souk-error-bin`.
    package var rpcError: RPCError {
        var metadata: Metadata = [RPCMetadataKey.errorCode: .string(code)]
        var message = Souk_Platform_V1_Error()
        message.code = code
        message.kind = kind.rawValue
        message.message = self.message
        message.fields = fieldErrors.map { error in
            Souk_Platform_V1_FieldError.with {
                $0.field = error.field
                $0.code = error.code
                $0.message = error.message
            }
        }
        if let retryAfter { message.retryAfterMilliseconds = retryAfter.wholeMilliseconds }
        message.payload = .init(payload)
        if let bytes: [UInt8] = try? message.serializedBytes(), bytes.count <= Self.maxEncodedLength {
            metadata.addBinary(bytes, forKey: RPCMetadataKey.error)
        } else {
            // Too much for a trailer: the fields go, what decides stays.
            message.fields = []
            message.payload = .init()
            if let bytes: [UInt8] = try? message.serializedBytes(), bytes.count <= Self.maxEncodedLength {
                metadata.addBinary(bytes, forKey: RPCMetadataKey.error)
            }
        }
        return RPCError(code: RPCError.Code(kind), message: self.message, metadata: metadata)
    }

    /// What a gRPC error says; total, whoever wrote it.
    package init(_ error: RPCError) {
        let bytes = error.metadata[binaryValues: RPCMetadataKey.error].first { _ in true }
        guard let bytes, let message = try? Souk_Platform_V1_Error(serializedBytes: bytes),
            !message.code.isEmpty
        else {
            self.init(statusOf: error)
            return
        }
        self.init(
            ErrorKind(rawValue: message.kind) ?? ErrorKind(error.code), code: message.code,
            message: message.message,
            fieldErrors: message.fields.map {
                FieldError(field: $0.field, code: $0.code, message: $0.message)
            },
            retryAfter: message.hasRetryAfterMilliseconds
                ? .milliseconds(message.retryAfterMilliseconds) : nil,
            payload: [UInt8](message.payload),
            origin: message.code.hasPrefix(bytes: "rpc.") ? .transport : .service)
    }

    private init(statusOf error: RPCError) {
        let kind = ErrorKind(error.code)
        let message =
            switch kind {
            case .unavailable: "A service that is needed can't be reached right now."
            case .timedOut: "A service that is needed took too long."
            case .internalError: "A service that is needed failed."
            default: "A service that is needed refused the call."
            }
        self.init(
            kind, code: "rpc.\(error.code)".replacing(bytes: " ", with: "_"), message: message,
            detail: String(describing: error), origin: .transport)
    }
}

extension RPCError.Code {
    /// As ``ErrorKind/grpcCode`` says.
    package init(_ kind: ErrorKind) {
        // Every number of that table is a status code other than OK.
        self = Status.Code(rawValue: kind.grpcCode).flatMap(RPCError.Code.init) ?? .unknown
    }
}

extension ErrorKind {
    /// The nearest kind to a status code that came without `souk-error-bin`.
    package init(_ code: RPCError.Code) {
        switch code {
        case .invalidArgument, .outOfRange: self = .invalid
        case .deadlineExceeded: self = .timedOut
        case .notFound: self = .notFound
        case .alreadyExists, .aborted: self = .conflict
        case .permissionDenied: self = .forbidden
        case .resourceExhausted: self = .rateLimited
        case .failedPrecondition: self = .preconditionFailed
        case .unauthenticated: self = .unauthenticated
        case .unavailable, .cancelled: self = .unavailable
        // UNKNOWN, UNIMPLEMENTED, INTERNAL, DATA_LOSS
        default: self = .internalError
        }
    }
}

extension Duration {
    /// Fractions cut off.
    var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
