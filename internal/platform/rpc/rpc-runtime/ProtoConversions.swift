package import SoukErrors
package import SoukIDs
package import SoukMoney
package import SoukProto
package import SoukTime
package import SwiftProtobuf

/// A message that does not hold what it must: the fault of whoever sent it.
package struct MalformedMessage: SoukError, Hashable {
    /// The field, as the proto calls it.
    package let field: String

    package init(_ field: String) {
        self.field = field
    }

    package var kind: ErrorKind { .invalid }
    package var code: String { "rpc.malformed_message" }
    package var message: String { "The message is not well-formed." }
    package var fieldErrors: [FieldError] {
        [FieldError(field: field, code: "malformed", message: "This is not a valid value.")]
    }
}

extension Souk_Types_V1_Money {
    /// The same amount.
    package init(_ money: Money) {
        self.init()
        amount = money.amount
        currency = money.currency.code
    }

    /// The same amount; `field` is where it stood.
    ///
    /// Throws: `MalformedMessage` for a currency that is not known.
    package func money(_ field: String) throws(MalformedMessage) -> Money {
        guard let currency = Currency(currency) else { throw MalformedMessage("\(field).currency") }
        return Money(amount, currency)
    }
}

extension Google_Protobuf_Timestamp {
    /// The same instant.
    package init(_ timestamp: Timestamp) {
        let (seconds, rest) = timestamp.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        // Nanoseconds count forward, before 1970 too.
        self.init(
            seconds: rest < 0 ? seconds - 1 : seconds,
            nanos: Int32((rest < 0 ? rest + 1_000_000 : rest) * 1_000))
    }

    /// The same instant to the microsecond; `field` is where it stood.
    ///
    /// Throws: `MalformedMessage` outside of the years 0001 to 9999.
    package func timestamp(_ field: String) throws(MalformedMessage) -> Timestamp {
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, (0..<1_000_000_000).contains(nanos) else { throw MalformedMessage(field) }
        let (microseconds, carried) = scaled.addingReportingOverflow(Int64(nanos) / 1_000)
        let timestamp = Timestamp(microseconds: microseconds)
        guard !carried, timestamp.microseconds == microseconds else { throw MalformedMessage(field) }
        return timestamp
    }
}

extension ID {
    /// The identifier that a message holds as text; `field` is where it stood.
    ///
    /// Throws: `MalformedMessage` when it is no UUID.
    package init(_ text: String, field: String) throws(MalformedMessage) {
        guard let id = ID(text) else { throw MalformedMessage(field) }
        self = id
    }
}
