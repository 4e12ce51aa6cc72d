import SoukText
import Testing

@Suite struct TextCheckTests {
    @Test(arguments: [
        "", "Ada", "O'Neill & Sons, \"the\" <best>", "Ærøskøbing", "Zoe\u{308}", "علی\u{200C}رضا",
        "ക്\u{200D}", "क्\u{200D}ष", "শ্\u{200C}র", "ශ්\u{200D}රී",
        "👩\u{200D}👩\u{200D}👧", "👩🏽\u{200D}🚀", "❤\u{FE0F}\u{200D}🔥",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "1\u{FE0F}\u{20E3}", "עברית", "日本語", "١٢٣",
        "a\u{A0}b", "བརྒྱུད", "Ga\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}",
    ])
    func takesNamesOfAllScripts(text: String) {
        #expect(TextCheck.line(text) == nil)
        #expect(TextCheck.paragraphs(text) == nil)
    }

    @Test(arguments: [
        ("a\u{0}b", TextCheck.Fault.control), ("a\nb", .control), ("a\tb", .control), ("a\u{85}b", .control),
        ("\u{1B}[2J", .control),
        ("a\u{2028}b", .lineBreak), ("a\u{2029}b", .lineBreak), ("a\u{202E}b", .direction),
        ("a\u{2066}b\u{2069}", .direction),
        ("a\u{200E}b", .direction), ("a\u{61C}b", .direction), ("\u{600}<b>", .invisible),
        ("\u{605},", .invisible), ("\u{6DD}1", .invisible),
        ("\u{70F}a", .invisible), ("\u{110BD}a", .invisible), ("a\u{AD}b", .invisible),
        ("a\u{FEFF}b", .invisible), ("a\u{200B}b", .invisible),
        ("a\u{200D}b", .invisible), ("a\u{200C}b", .invisible), ("\u{200D}", .invisible),
        ("ا\u{200D}", .invisible), ("a\u{2060}b", .invisible),
        ("a\u{E0067}", .invisible), ("1\u{200D}2", .invisible), ("a\u{E000}b", .unassigned),
        ("a\u{FFFF}b", .unassigned),
        ("a\u{378}b", .unassigned), ("a\u{10FFFF}b", .unassigned), ("\u{301}a", .loneMark),
        ("a" + String(repeating: "\u{301}", count: 9), .tooManyMarks), (" a", .spaceAtEnd),
        ("a\u{A0}", .spaceAtEnd), ("a\u{3000}", .spaceAtEnd),
        ("\u{3164}", .blank), ("\u{115F}\u{1160}", .blank), ("\u{2800}", .blank),
    ])
    func refusesWhatMisleadsInOneLine(text: String, fault: TextCheck.Fault) {
        #expect(TextCheck.line(text) == fault, "\(text.debugDescription)")
    }

    @Test(arguments: [
        "a\n\tb\r\n", "a\u{200E}b", "\u{2067}עברית\u{2069} x\n\u{202B}ab\u{202C}", "  a  ", "", " \n",
        "a\u{2028}b\u{2029}c",
    ])
    func paragraphsMayHaveLinesAndDirections(text: String) {
        #expect(TextCheck.paragraphs(text) == nil)
    }

    @Test(arguments: [
        ("a\u{1B}b", TextCheck.Fault.control), ("a\u{0}", .control), ("\u{202E}a", .direction),
        ("\u{2066}a\nb\u{2069}", .direction),
        ("\u{2066}a\u{202C}", .direction), ("a\u{2069}", .direction),
        ("\u{202A}a\u{2029}\u{202C}", .direction), ("\u{600}<b>", .invisible),
        ("a\u{AD}", .invisible), ("a\u{E000}", .unassigned), ("\u{301}", .loneMark),
        ("a" + String(repeating: "\u{36F}", count: 9), .tooManyMarks),
    ])
    func paragraphsRefuseTheRest(text: String, fault: TextCheck.Fault) {
        #expect(TextCheck.paragraphs(text) == fault, "\(text.debugDescription)")
    }

    /// What passes as one line has no scalar that merges with ASCII syntax after it, or hides.
    @Test func linesThatPassShowAllTheyHave() {
        for text in NastyText(seed: 3, count: 20_000) where TextCheck.line(text) == nil {
            #expect(
                text.unicodeScalars.allSatisfy { !$0.isHidden || $0.value == 0x200D || $0.value == 0x200C })
        }
    }
}
