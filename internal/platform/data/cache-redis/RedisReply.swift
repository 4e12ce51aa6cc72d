import CHiredis
import SoukCache

/// An answer of the server (RESP2).
enum RedisReply: Sendable, Equatable {
    case bytes([UInt8])
    case status(String)
    case integer(Int)
    case array([RedisReply])
    case none
    /// The first word of the error: `NOSCRIPT`. The rest may quote what was sent, passwords included, and is dropped.
    case error(String)

    /// A copy of what hiredis has read.
    init(_ reply: UnsafePointer<redisReply>) {
        let reply = reply.pointee
        switch reply.type {
        case REDIS_REPLY_STRING: self = .bytes(Self.bytes(reply))
        case REDIS_REPLY_STATUS: self = .status(String(decoding: Self.bytes(reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: self = .integer(Int(reply.integer))
        case REDIS_REPLY_NIL: self = .none
        case REDIS_REPLY_ARRAY:
            self = .array(
                (0..<reply.elements).map { index in
                    reply.element[index].map { RedisReply(UnsafePointer($0)) } ?? .none
                })
        default:
            let word = Self.bytes(reply).prefix { (0x41...0x5A).contains($0) }.prefix(32)
            self = .error(word.isEmpty ? "ERR" : String(decoding: word, as: UTF8.self))
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        guard let text = reply.str else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: text, count: reply.len))
    }
}

/// What keeps Redis from answering; the text is for logs and quotes nothing that was sent.
struct RedisFailure: Error, Hashable {
    let text: String
    /// Whether another connection may help: the server is another one now, or wants to be.
    let endsConnection: Bool

    init(_ text: String, endsConnection: Bool = true) {
        self.text = text
        self.endsConnection = endsConnection
    }

    /// What an error reply means.
    init(code: String) {
        switch code {
        case "NOAUTH": self.init("Redis wants a password (NOAUTH)")
        case "WRONGPASS": self.init("Redis refuses the user or the password (WRONGPASS)")
        case "NOPERM": self.init("Redis does not permit this to our user (NOPERM)", endsConnection: false)
        case "LOADING": self.init("Redis is still loading its data (LOADING)")
        case "READONLY": self.init("Redis is a replica that takes no writes (READONLY)")
        case "MASTERDOWN": self.init("Redis is a replica without its master (MASTERDOWN)")
        case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN":
            self.init("Redis runs as a cluster, which is not spoken here (\(code))")
        case "OOM": self.init("Redis is out of memory (OOM)", endsConnection: false)
        case "BUSY": self.init("Redis is busy with a script (BUSY)", endsConnection: false)
        default: self.init("Redis answered with the error \(code)", endsConnection: false)
        }
    }
}

/// A command as it goes over the wire: an array of bulk strings.
struct RedisCommand: Sendable {
    let bytes: [UInt8]

    init(_ arguments: [[UInt8]]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(arguments.reduce(16) { $0 + $1.count + 16 })
        Self.append(UInt8(ascii: "*"), arguments.count, to: &bytes)
        for argument in arguments {
            Self.append(UInt8(ascii: "$"), argument.count, to: &bytes)
            bytes.append(contentsOf: argument)
            bytes.append(0x0D)
            bytes.append(0x0A)
        }
        self.bytes = bytes
    }

    private static func append(_ sign: UInt8, _ count: Int, to bytes: inout [UInt8]) {
        bytes.append(sign)
        if count < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(count))
        } else {
            bytes.append(contentsOf: String(count).utf8)
        }
        bytes.append(0x0D)
        bytes.append(0x0A)
    }

    init(_ arguments: String...) {
        self.init(arguments.map { Array($0.utf8) })
    }
}
