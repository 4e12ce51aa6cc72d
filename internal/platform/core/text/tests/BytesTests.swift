import SoukText
import Testing

@Suite struct BytesTests {
    /// Scalars that merge with what follows (Prepend) or precedes (Extend, ZWJ) into one character.
    static let merging: [String] = [
        "\u{600}", "\u{605}", "\u{6DD}", "\u{70F}", "\u{110BD}", "\u{301}", "\u{200D}", "\u{FE0F}",
        "\u{20E3}",
    ]

    @Test(arguments: merging)
    func syntaxIsSeenBesideScalarsThatMergeWithIt(scalar: String) {
        for text in ["a\(scalar),b", "a,\(scalar)b"] {
            #expect(text.contains(byte: ","))
            #expect(text.contains(bytes: ","))
            #expect(text.split(byte: ",").count == 2)
            #expect(text.firstIndex(ofByte: ",") == text.lastIndex(ofByte: ","))
            #expect(
                text.replacing(bytes: ",", with: ";").utf8.elementsEqual(
                    text.utf8.map { $0 == UInt8(ascii: ",") ? UInt8(ascii: ";") : $0 }))
        }
        #expect("/\(scalar)a".hasPrefix(bytes: "/"))
        #expect("/\(scalar)a".withoutPrefix(bytes: "/")?.utf8.elementsEqual("\(scalar)a".utf8) == true)
        #expect("a\(scalar):b".prefix(beforeByte: ":").utf8.elementsEqual("a\(scalar)".utf8))
        #expect("a\(scalar)/".hasSuffix(bytes: "/"))
    }

    @Test func lookAlikesAreNotSyntax() {
        #expect(!"a\u{37E}b".contains(byte: ";"))
        #expect(!"\u{212A}".equals(bytes: "K"))
        #expect(!"\u{212A}".equals(ignoringASCIICase: "k"))
        #expect("\u{212A}X".lowercasedASCII().equals(bytes: "\u{212A}x"))
        #expect(!"\u{E9}".equals(bytes: "e\u{301}"))
        #expect("Content-TYPE".equals(ignoringASCIICase: "content-type"))
    }

    @Test(arguments: ["", ",", "a", "a,b", ",a", "a,", "a,,b", ",,", "a,b,c"])
    func splitsAsTheStandardLibraryDoes(text: String) {
        for omitting in [true, false] {
            for splits in [0, 1, 2, Int.max] {
                #expect(
                    text.split(byte: ",", maxSplits: splits, omittingEmptySubsequences: omitting)
                        == text.split(separator: ",", maxSplits: splits, omittingEmptySubsequences: omitting))
            }
        }
    }

    @Test func findsReplacesAndTrims() {
        #expect("aXbXc".replacing(bytes: "X", with: "YY") == "aYYbYYc")
        #expect("aaa".replacing(bytes: "aa", with: "b") == "ba")
        #expect("abcabc".range(ofBytes: "ca").map { "abcabc"[$0] } == "ca")
        #expect("a:\u{301}b:c".split(atFirst: ":").map { [$0, $1] } == ["a", "\u{301}b:c"])
        #expect("a:b:\u{301}".split(atLast: ":").map { [$0, $1] } == ["a:b", "\u{301}"])
        #expect("abc".split(atFirst: ":") == nil)
        #expect("abc".withoutPrefix(bytes: "b") == nil)
        #expect("abc".prefix(beforeByte: ":") == "abc")
        #expect("abc".contains(bytes: ""))
        #expect("".contains(bytes: ""))
        #expect(!"abc".contains(bytes: "abcd"))
        #expect(" \t a b\t ".trimmingBlanks() == "a b")
        #expect("a\n b\r\n\n".trimmingLineEnd() == "a\n b")
        #expect("\n".trimmingLineEnd().isEmpty)
        #expect("  ".trimmingBlanks().isEmpty)
        #expect("\u{A0}a".trimmingBlanks() == "\u{A0}a")
        #expect(" a\tb ".removingBlanks() == "ab")
        #expect("é-aZ".uppercasedASCII() == "é-AZ")
    }
}
