import SoukIDs
import SoukMoney
import SoukProto
import SoukTime
import SwiftProtobuf
import Testing

@testable import SoukRPCRuntime

@Suite struct ProtoConversionTests {
    @Test(arguments: [Int64.min, -1, 0, 1_999, .max]) func moneyComesBack(_ amount: Int64) throws {
        for currency in Currency.all {
            let money = Money(amount, currency)
            #expect(try Souk_Types_V1_Money(money).money("price") == money)
        }
    }

    @Test func unknownCurrenciesAreMalformed() {
        #expect(throws: MalformedMessage("price.currency")) {
            _ = try Souk_Types_V1_Money.with { $0.currency = "gbp" }.money("price")
        }
    }

    @Test(arguments: [
        Timestamp.min, .max, Timestamp(microseconds: -1), Timestamp(microseconds: 0),
        Timestamp(microseconds: -1_000_000), Timestamp(microseconds: 1_767_225_600_123_456),
    ]) func timestampsComeBack(_ timestamp: Timestamp) throws {
        let message = Google_Protobuf_Timestamp(timestamp)
        #expect((0..<1_000_000_000).contains(message.nanos))
        #expect(try message.timestamp("at") == timestamp)
    }

    @Test(arguments: [(Int64.max, Int32(0)), (.min, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)])
    func otherTimesAreMalformed(_ seconds: Int64, _ nanos: Int32) {
        #expect(throws: MalformedMessage("at")) {
            _ = try Google_Protobuf_Timestamp(seconds: seconds, nanos: nanos).timestamp("at")
        }
    }

    @Test func identifiersComeBack() throws {
        let id = UserID()
        #expect(try UserID(id.description, field: "id") == id)
        #expect(throws: MalformedMessage("id")) { _ = try UserID("42", field: "id") }
    }
}
