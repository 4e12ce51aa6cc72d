import SoukTemplates
import Testing

@Suite struct HTMLTemplateTests {
    @Test func valuesNeverBecomeMarkup() throws {
        let template = try HTMLTemplate(
            #"<p title="{{x}}">{{x}}</p>{{#x}}<a href="{{link(x)}}">{{x}}</a>{{/x}}{{^y}}none{{/y}}"#)
        for merging in ["", "\u{600}", "\u{605}", "\u{6DD}", "\u{70F}", "\u{110BD}", "\u{200D}"] {
            for syntax in ["<", ">", "\"", "'", "&lt;", "{{x}}", "{{{x}}}", "<\u{301}", "\"\u{338}"] {
                let html = template.render(["x": .text("\(merging)\(syntax)b onload=\"x\"")])
                #expect(html.utf8.filter { $0 == UInt8(ascii: "<") }.count == 4)
                #expect(html.utf8.filter { $0 == UInt8(ascii: "\"") }.count == 4)
                #expect(html.utf8.filter { $0 == UInt8(ascii: "'") }.isEmpty)
            }
        }
    }

    @Test func linksAreCheckedAndEscaped() throws {
        let template = try HTMLTemplate(#"<a href="{{link(to)}}">x</a>"#)
        #expect(
            template.render(["to": "https://a.test/?a=1&b=\"2"])
                == #"<a href="https://a.test/?a=1&amp;b=%222">x</a>"#)
        #expect(template.render(["to": "javascript:alert(1)"]) == ##"<a href="#">x</a>"##)
        #expect(template.render([:]) == #"<a href="">x</a>"#)
    }

    @Test func sectionsAppearForFlagsAndTexts() throws {
        let template = try HTMLTemplate("{{#a}}A{{/a}}{{^a}}-{{/a}}{{#b}}[{{b}}]{{/b}}")
        #expect(template.render(["a": .flag(true), "b": "x"]) == "A[x]")
        #expect(template.render(["a": .flag(false)]) == "-")
    }

    @Test(arguments: [
        "{{{x}}}", "{{&x}}", "{{% CONTENT_TYPE:TEXT}}{{x}}", "{{=<% %>=}}", "{{>part}}", "<p title={{x}}>",
        "<p {{x}}>", "<{{x}}>",
        #"<a href="{{x}}">"#, #"<a HREF='{{x}}'>"#, #"<form action="/a/{{x}}">"#, #"<p onclick="{{x}}">"#,
        #"<p style="{{x}}">"#,
        #"<iframe srcdoc="{{x}}">"#, "<script>{{x}}</script>", "<style>a{{x}}</style>", "<!-- {{x}} -->",
        "{{link(x)}}",
        #"<p title="{{link(x)}}">"#, "{{x",
    ])
    func templatesWithValuesInOtherContextsAreRefused(source: String) {
        #expect(throws: HTMLTemplateError.self) { try HTMLTemplate(source) }
    }

    @Test(arguments: [
        "<script>1</script>{{x}}", "<style>a{}</style><p>{{x}}</p>", "<!-- a > b -->{{x}}",
        #"<p title='{{x}}' class="a">{{x}}</p>"#,
        "{{! a remark }}", "{{#x}}<b>{{/x}}",
    ])
    func otherTemplatesAreTaken(source: String) throws {
        _ = try HTMLTemplate(source)
    }
}
