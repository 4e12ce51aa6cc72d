import SoukAuthToken
import Testing

struct BearerTokenTests {
    @Test(arguments: [
        ("Bearer abc.def", "abc.def"), ("bearer x", "x"), ("BEARER x", "x"),
        ("  Bearer   a-b_c=  ", "a-b_c="),
        ("Bearer " + String(repeating: "t", count: 8 << 10), String(repeating: "t", count: 8 << 10)),
    ])
    func tokensAreFound(field: String, token: String) {
        #expect(BearerToken.text(field) == token)
    }

    @Test(arguments: [
        "", " ", "Bearer", "Bearer ", "Bearer    ", "Bearerabc", "Bearer\tabc", "Basic abc", "Bearer a b",
        "Bearer a\tb",
        "Bearer ä", "Bearer a\u{7F}", "Beare\u{12}r a", "abc", "Bearer a,Bearer b c",
        "Bearer " + String(repeating: "t", count: 8 << 10 | 1),
    ])
    func nothingElseIs(field: String) {
        #expect(BearerToken.text(field) == nil)
    }

    @Test func itsPlaceIsInTheBytesAsTheyAre() {
        let field = Array(" Bearer  tok ".utf8)
        #expect(field.withUnsafeBytes(BearerToken.range) == 9..<12)
    }
}
