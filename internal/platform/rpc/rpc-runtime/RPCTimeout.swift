/// `grpc-timeout`: up to eight digits and a unit
/// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
enum RPCTimeout {
    static func parse(_ text: String) -> Duration? {
        let digits = text.utf8.dropLast()
        guard (1...8).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(String(text.dropLast()))
        else { return nil }
        return switch text.utf8.last {
        case UInt8(ascii: "H"): .seconds(count * 3_600)
        case UInt8(ascii: "M"): .seconds(count * 60)
        case UInt8(ascii: "S"): .seconds(count)
        case UInt8(ascii: "m"): .milliseconds(count)
        case UInt8(ascii: "u"): .microseconds(count)
        case UInt8(ascii: "n"): .nanoseconds(count)
        default: nil
        }
    }
}
