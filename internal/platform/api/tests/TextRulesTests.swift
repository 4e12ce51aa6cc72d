import SoukAPI
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
        "data:text/html,x", "http://a.b/\n",
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
}
