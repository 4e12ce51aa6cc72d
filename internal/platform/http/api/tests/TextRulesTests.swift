import SoukAPI
import SoukErrors
import Testing

@Suite struct TextRulesTests {
    @Test(arguments: ["a@b.co", "ann.o'neil+x@shop.example.com", "A_1@x-y.org"])
    func emails(text: String) {
        #expect(TextRules.isEmail(text))
    }

    @Test(arguments: [
        "", "a", "a@b", "@b.co", "a@", "a@@b.co", "a b@c.de", ".a@b.co", "a..b@c.de", "a@-b.co", "a@b-.co",
        "a@b..co",
        "a@b.co\n", "ä@b.co", "\"a\"@b.co", String(repeating: "a", count: 65) + "@b.co",
    ])
    func notEmails(text: String) {
        #expect(!TextRules.isEmail(text))
    }

    @Test(arguments: ["http://a.b", "https://cdn.example.com/x/y.jpg?w=1#f", "HTTPS://A.B:8443/"])
    func urls(text: String) {
        #expect(TextRules.isWebURL(text))
    }

    @Test(arguments: [
        "", "a.b", "ftp://a.b", "javascript:alert(1)", "http://", "http:///x", "https://u:p@a.b",
        "http://a b", "//a.b",
        "data:text/html,x", "http://a.b/\n", "https://localhost/", "http://10.0.0.1/", "https://a.b\\@c.d/",
        "https://a.b/é",
    ])
    func notURLs(text: String) {
        #expect(!TextRules.isWebURL(text))
    }

    @Test(arguments: [
        ("a", true), ("a-b-1", true), ("", false), ("-a", false), ("a-", false), ("a--b", false),
        ("A", false),
    ])
    func slugs(text: String, isSlug: Bool) {
        #expect(TextRules.isSlug(text) == isSlug)
    }

    @Test(arguments: [
        ("\u{600}<b>", "invisible"), ("a\u{202E}b", "direction"), ("a\u{2028}", "one line"),
        ("\u{3164}", "visible"),
        ("\u{301}a", "begin with a combining mark"), ("a\u{1B}", "control"), ("a\u{E000}", "assign"),
        ("a ", "white space"),
    ])
    func linesAreRefusedWithTheReason(text: String, reason: String) throws {
        let problems = problems(of: ["name": text, "about": "x"])
        #expect(problems.map(\.field) == ["name"] && problems.map(\.code) == ["characters"])
        #expect(try #require(problems.first).message.contains(reason))
    }

    @Test func paragraphsAreRefusedWithTheReason() throws {
        #expect(problems(of: ["name": "x", "about": "a\n\tb"]).isEmpty)
        let problem = try #require(problems(of: ["name": "x", "about": "\u{202E}a"]).first)
        #expect(problem.field == "about" && problem.message.contains("direction of writing that it opens"))
    }

    private func problems(of body: [String: String]) -> [FieldError] {
        guard let bytes = try? JSONCoding.encode(body) else { return [] }
        do {
            _ = try JSONCoding.decodeBody(Texts.self, from: bytes)
            return []
        } catch {
            return error.fieldErrors
        }
    }
}

private struct Texts: RequestBody {
    init(_ fields: FieldReader) {
        _ = fields.string("name", text: .line)
        _ = fields.string("about")
    }
}
