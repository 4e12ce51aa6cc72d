import Testing

@testable import SoukAuth

@Suite struct CommonPasswordsTests {
    @Test func holdsAHundredThousandInOrder() {
        let lines = CommonPasswords.shared.lines
        #expect(lines.count == 100_000)
        #expect(zip(lines, lines.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test func findsEveryOneOfThem() {
        let lines = CommonPasswords.shared.lines
        // The first, the last, and some of all lengths between.
        for index in [0, lines.count - 1] + Array(stride(from: 0, to: lines.count, by: 997)) {
            #expect(CommonPasswords.shared.contains(String(decoding: lines[index], as: UTF8.self)))
        }
    }

    @Test(arguments: ["Password1", "ILOVEYOU", "1234567890", "qwertyuiop"])
    func findsThemInAnyCase(_ password: String) {
        #expect(CommonPasswords.shared.contains(password))
    }

    @Test(arguments: [
        "", "\n", "zzzzzzzzzzzzzzzzzzzzzzzzzz", "password1\n", "passwor", "ünlikely wörds", "!",
    ])
    func findsNothingElse(_ password: String) {
        #expect(!CommonPasswords.shared.contains(password))
    }

    @Test func aShortListIsSearchedToItsEnds() {
        let list = CommonPasswords(text: Array("b\nbb\nd\n".utf8))
        for known in ["b", "bb", "d"] { #expect(list.contains(known)) }
        for unknown in ["a", "ba", "bbb", "c", "e", ""] { #expect(!list.contains(unknown)) }
    }
}

extension CommonPasswords {
    fileprivate var lines: [ArraySlice<UInt8>] { text.split(separator: UInt8(ascii: "\n")) }
}
