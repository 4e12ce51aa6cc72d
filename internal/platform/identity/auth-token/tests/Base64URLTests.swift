import Testing

@testable import SoukAuthToken

@Suite struct Base64URLTests {
    @Test(
        arguments: [
            ([], ""), ([0], "AA"), ([0xff], "_w"), ([0xfb, 0xef], "--8"), ([1, 2, 3], "AQID"),
        ] as [([UInt8], String)])
    func readsWhatItWrites(_ bytes: [UInt8], _ text: String) {
        #expect(Base64URL.encode(bytes) == text)
        #expect(Base64URL.decode(text) == bytes)
    }

    /// Stray bits, padding, the other alphabet, white space, impossible lengths: each would be a second text
    /// for the same bytes, and with it a second token.
    @Test(arguments: ["AB", "_x", "--9", "AA==", "/w", "++8", "A A", "AA\n", "A", "AQIDB", "é"])
    func refusesOtherSpellings(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }
}
