import Foundation
import SoukTesting
import SoukTime
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000),
        ("2026-02-28T23:59:59.25+01:00", 1_772_319_599_250_000),
        ("2026-02-28t22:59:59.250z", 1_772_319_599_250_000),
        ("2026-03-01T04:29:59.250000999+05:30", 1_772_319_599_250_000),
        ("1985-04-12T23:20:50.52Z", 482_196_050_520_000),
        ("1996-12-19T16:39:57-08:00", 851_042_397_000_000),
        ("1990-12-31T23:59:60Z", 662_688_000_000_000),
        ("1990-12-31T15:59:60-08:00", 662_688_000_000_000),
        ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("2026-01-01T00:00:00-00:00", 1_767_225_600_000_000),
    ])
    func readsRFC3339(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-02-28", "2026-02-28T23:59Z", "2026-02-28 23:59:59Z", "2026-02-28T23:59:59",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z", "2026-01-01T00:00:60Z", "1990-12-31T23:59:60-08:00", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.0123456789Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "２026-01-01T00:00:00Z", "+026-01-01T00:00:00Z",
        "0000-12-31T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "2026-01-01T00:00:00.1", "2026-01-01T00:00:00,1Z",
    ])
    func refusesOtherText(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func writesWhatItReadsForAnyInstant() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let value = Timestamp(
                microseconds: Int64.random(
                    in: Timestamp.min.microseconds...Timestamp.max.microseconds, using: &random))
            let text = value.rfc3339
            #expect(text.utf8.count == 27)
            #expect(Timestamp(rfc3339: text) == value)
        }
    }

    @Test func offsetsNameTheSameInstant() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            let value = Timestamp(microseconds: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
            let minutes = Int.random(in: -1_439...1_439, using: &random)
            let local = (value + .seconds(minutes * 60)).rfc3339.dropLast()
            let offset = String(
                format: "%@%02d:%02d", minutes < 0 ? "-" : "+", abs(minutes) / 60, abs(minutes) % 60)
            #expect(Timestamp(rfc3339: local + offset) == value)
        }
    }

    @Test func agreesWithFoundation() throws {
        let formatter = ISO8601DateFormatter()
        var random = SeededGenerator(seed: 3)
        for _ in 0..<500 {
            let seconds = Int64.random(in: -2_000_000_000...20_000_000_000, using: &random)
            let text = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
            #expect(Timestamp(microseconds: seconds * 1_000_000).rfc3339 == text.dropLast() + ".000000Z")
        }
    }

    @Test func textSortsAsTime() {
        var random = SeededGenerator(seed: 4)
        let values = (0..<500).map { _ in
            Timestamp(
                microseconds: Int64.random(
                    in: -60_000_000_000_000_000...250_000_000_000_000_000, using: &random))
        }
        #expect(values.sorted().map(\.rfc3339) == values.map(\.rfc3339).sorted())
    }

    @Test func arithmetic() {
        let start = Timestamp(microseconds: 1_000)
        #expect((start + .milliseconds(2)).microseconds == 3_000)
        #expect((start - .milliseconds(2)).microseconds == -1_000)
        #expect((start + .nanoseconds(1_999)).microseconds == 1_001)
        #expect(start - Timestamp(microseconds: 4_000) == .microseconds(-3_000))
        #expect(start + .seconds(Int64.max) == .max)
        #expect(start - .seconds(Int64.max) == .min)
        #expect(start + .seconds(Int64.min) == .min)
        #expect(Timestamp(microseconds: .max) == .max)
        #expect(Timestamp(microseconds: .min) == .min)
    }

    @Test func codesAsText() throws {
        let value = Timestamp(microseconds: 1_772_319_599_250_000)
        let json = try JSONEncoder().encode([value])
        #expect(String(decoding: json, as: UTF8.self) == #"["2026-02-28T22:59:59.250000Z"]"#)
        #expect(try JSONDecoder().decode([Timestamp].self, from: json) == [value])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Timestamp].self, from: Data(#"["yesterday"]"#.utf8))
        }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Timestamp].self, from: Data("[1]".utf8))
        }
    }

    @Test func civilDatesCountDaysOneByOne() {
        var previous = CivilDate(daysSinceEpoch: -800_000)
        for day in Int64(-799_999)...800_000 {
            let date = CivilDate(daysSinceEpoch: day)
            guard date.daysSinceEpoch == day,
                (date.year, date.month, date.day) > (previous.year, previous.month, previous.day)
            else {
                Issue.record("day \(day) became \(date)")
                return
            }
            previous = date
        }
    }
}

@Suite struct SystemClockTests {
    @Test func tellsTheTimeOfTheMachine() {
        let now = SystemClock().now()
        let foundation = Date().timeIntervalSince1970
        #expect(abs(Double(now.microseconds) / 1e6 - foundation) < 5)
    }

    @Test func sleepEndsWithTheTask() async {
        let task = Task { try await SystemClock().sleep(for: .seconds(3_600)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
