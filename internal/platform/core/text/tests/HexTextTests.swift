import SoukText
import Testing

@Suite struct HexTextTests {
    @Test func everyByteIsTwoDigits() {
        let all = Array(UInt8.min...UInt8.max)
        #expect([0x00, 0x0F, 0xA0, 0xFF].hex == "000fa0ff")
        #expect(all.hex.utf8.count == 512)
        #expect([UInt8](hex: all.hex) == all)
        #expect([UInt8]().hex.isEmpty)
        #expect([UInt8](hex: "") == [])
    }

    @Test(arguments: ["0", "0g", "FF", " 00", "0x00", "٠٠", "00\u{600}"])
    func anythingElseIsRefused(text: String) {
        #expect([UInt8](hex: text) == nil)
    }
}
