package import SoukCallContext
package import SoukErrors
package import SoukIDs
package import SoukMoney
package import SoukProto
package import SoukTime
package import SwiftProtobuf

// Values as protos carry them. Reading one that makes no sense throws what a caller who sent it is to be told; adapters
// that read an answer take it as the peer's failure.

extension ValidationError {
    /// 400 `request.invalid` for one field.
    package static func wire(_ field: String, _ message: String) -> ValidationError {
        .malformed([FieldError(field: field, code: "malformed", message: message)])
    }

    /// Refuses a list of more than a kernel takes in one call.
    package static func checkBatch(_ count: Int, _ field: String) throws(ValidationError) {
        guard count > KernelBatch.limit else { return }
        throw .malformed([
            FieldError(
                field: field, code: "count", message: "At most \(KernelBatch.limit) can be asked for at once.")
        ])
    }
}

extension ID {
    package init(wire text: String, _ field: String) throws(ValidationError) {
        guard let id = ID(text) else { throw .wire(field, "The value must be a UUID.") }
        self = id
    }

    /// At most ``KernelBatch/limit`` of them.
    package static func batch(wire texts: [String], _ field: String) throws(ValidationError) -> [ID] {
        try ValidationError.checkBatch(texts.count, field)
        var ids: [ID] = []
        ids.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() { ids.append(try ID(wire: text, "\(field)[\(index)]")) }
        return ids
    }
}

extension Money {
    package init(wire: Souk_Types_V1_Money, _ field: String) throws(ValidationError) {
        guard let currency = Currency(wire.currency) else {
            throw .wire(field, "The currency must be an active ISO 4217 code.")
        }
        self.init(wire.amount, currency)
    }

    package var wire: Souk_Types_V1_Money {
        .with {
            $0.amount = amount
            $0.currency = currency.code
        }
    }
}

extension Timestamp {
    /// Fractions of a microsecond are dropped.
    package init(wire: Google_Protobuf_Timestamp, _ field: String) throws(ValidationError) {
        let whole = wire.seconds.multipliedReportingOverflow(by: 1_000_000)
        guard (0..<1_000_000_000).contains(wire.nanos), !whole.overflow,
            (Timestamp.min.microseconds...Timestamp.max.microseconds).contains(whole.partialValue)
        else { throw .wire(field, "The value must be a time in the years 1 to 9999.") }
        self.init(microseconds: whole.partialValue + Int64(wire.nanos) / 1_000)
    }

    package var wire: Google_Protobuf_Timestamp {
        // Seconds round down, also before 1970: nanos count upwards from them.
        let fraction = microseconds % 1_000_000
        let seconds = microseconds / 1_000_000 - (fraction < 0 ? 1 : 0)
        return Google_Protobuf_Timestamp(
            seconds: seconds, nanos: Int32(fraction < 0 ? fraction + 1_000_000 : fraction) * 1_000)
    }
}

extension Duration {
    package init(wire: Google_Protobuf_Duration, _ field: String) throws(ValidationError) {
        // Bounds of the type: ten thousand years, and both parts of one sign.
        guard (-315_576_000_000...315_576_000_000).contains(wire.seconds),
            (-999_999_999...999_999_999).contains(wire.nanos),
            wire.seconds == 0 || wire.nanos == 0 || (wire.seconds < 0) == (wire.nanos < 0)
        else { throw .wire(field, "The value must be a duration of at most ten thousand years.") }
        self = .seconds(wire.seconds) + .nanoseconds(wire.nanos)
    }

    /// Fractions of a nanosecond are dropped.
    package var wire: Google_Protobuf_Duration {
        Google_Protobuf_Duration(
            seconds: components.seconds, nanos: Int32(components.attoseconds / 1_000_000_000))
    }
}
