import CRabbitMQ

/// What went wrong with a connection or one of its channels. Holds no credentials.
struct AMQPFailure: Error {
    enum Scope: Equatable {
        /// The connection is of no use any more.
        case connection
        /// The server closed this channel, with an AMQP reply code (0-9-1 §1.2); the connection goes on.
        case channel(UInt16, code: UInt16)
    }

    let scope: Scope
    let detail: String

    init(_ scope: Scope, _ detail: String) {
        self.scope = scope
        self.detail = detail
    }

    /// A library status (`amqp_status_enum`).
    init(status: Int32, _ what: String) {
        self.init(.connection, "\(what): \(String(cString: amqp_error_string2(status)))")
    }

    var isMissing: Bool {
        if case .channel(_, code: 404) = scope { true } else { false }
    }
}

extension String {
    /// Copies what the library points to; what is not UTF-8 is repaired.
    init(_ bytes: amqp_bytes_t) {
        self = String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}
