import Foundation
import SoukTesting
import Synchronization
import Testing

@testable import SoukIDs

private enum ThingTag {}
private typealias ThingID = ID<ThingTag>

@Suite struct IDTests {
    @Test func newOnesAreVersionSeven() {
        let text = ThingID().description
        #expect(text.utf8.count == 36)
        #expect(text.dropFirst(14).first == "7")
        #expect("89ab".contains(text.dropFirst(19).first ?? "x"))
    }

    @Test func newOnesTellTheTime() throws {
        let before = UInt64(Date().timeIntervalSince1970 * 1_000)
        let digits = ThingID().description.replacingOccurrences(of: "-", with: "").prefix(12)
        let milliseconds = try #require(UInt64(digits, radix: 16))
        #expect(milliseconds + 1_000 > before)
        #expect(milliseconds < before + 60_000)
    }

    @Test func increaseWithinATask() {
        var previous = ThingID()
        for _ in 0..<100_000 {
            let next = ThingID()
            guard next > previous, next.description > previous.description else {
                Issue.record("\(next) follows \(previous)")
                return
            }
            previous = next
        }
    }

    @Test func areUniqueAndIncreasingAcrossTasks() async {
        let lists = await withTaskGroup(of: [ThingID].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<5_000).map { _ in ThingID() } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(lists.joined()).count == 40_000)
        #expect(lists.allSatisfy { $0 == $0.sorted() })
    }

    @Test func generatorSurvivesClockStepsAndFullCounters() {
        var random = SeededGenerator(seed: 5)
        var generator = UUIDv7.Generator()
        var clock: UInt64 = 1_700_000_000_000
        var previous: UUIDv7.Bits?
        for _ in 0..<50_000 {
            switch UInt64.random(in: 0..<200, using: &random) {
            case 0: clock -= 500
            case 1: clock += 3
            default: break
            }
            let bits = generator.next(milliseconds: clock, using: &random)
            if let previous {
                #expect((bits.high, bits.low) > (previous.high, previous.low))
                #expect(bits.high != previous.high)
            }
            #expect(bits.high >> 12 & 0xf == 7)
            #expect(bits.low >> 62 == 2)
            previous = bits
        }
    }

    @Test func readsWhatItWrites() {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<5_000 {
            let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
            let uuid = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
            let id = ThingID(uuid: uuid)
            #expect(id.uuid == uuid)
            #expect(id.description == uuid.uuidString.lowercased())
            #expect(ThingID(id.description) == id)
            #expect(ThingID(uuid.uuidString) == id)
        }
    }

    @Test func orderIsThatOfTheText() {
        var random = SeededGenerator(seed: 7)
        let ids = (0..<2_000).map { _ in
            ThingID(
                uuid: UUID(
                    uuid: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
                        .withUnsafeBytes { $0.loadUnaligned(as: uuid_t.self) }))
        }
        #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
    }

    @Test(arguments: [
        "", "x", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890a5dac96774bbcceb302099a8057", "{01890a5d-ac96-774b-bcce-b302099a805}",
        "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5-dac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805\u{0660}", " 1890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d_ac96-774b-bcce-b302099a8057", "-1890a5d-ac96-774b-bcce-b302099a8057",
    ])
    func refusesOtherText(_ text: String) {
        #expect(ThingID(text) == nil)
    }

    @Test func codesAsLowerCaseText() throws {
        let id = try #require(ThingID("01890A5D-AC96-774B-BCCE-B302099A8057"))
        let json = try JSONEncoder().encode([id])
        #expect(String(decoding: json, as: UTF8.self) == #"["01890a5d-ac96-774b-bcce-b302099a8057"]"#)
        #expect(try JSONDecoder().decode([ThingID].self, from: json) == [id])
        let keyed = try JSONEncoder().encode([id: 3])
        #expect(String(decoding: keyed, as: UTF8.self) == #"{"01890a5d-ac96-774b-bcce-b302099a8057":3}"#)
        #expect(try JSONDecoder().decode([ThingID: Int].self, from: keyed) == [id: 3])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([ThingID].self, from: Data(#"["nonsense"]"#.utf8))
        }
    }
}

@Suite struct RandomTokenTests {
    @Test(arguments: [(1, 2), (2, 3), (3, 4), (32, 43), (33, 44)])
    func hasTheLengthOfItsBytes(_ bytes: Int, _ characters: Int) {
        let token = RandomToken.make(bytes: bytes)
        #expect(token.count == characters)
        #expect(token.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
    }

    @Test func neverRepeats() {
        #expect(Set((0..<1_000).map { _ in RandomToken.make() }).count == 1_000)
    }
}
