import Foundation
import SoukText
import Testing

/// Every form of escaped text over 20,000 misleading texts; the seed makes them the same in each run.
@Suite struct EscapingTests {
    static let texts = Array(NastyText(seed: 9, count: 20_000))

    @Test func htmlHasNoSyntaxOfTheTextsOwn() {
        for text in Self.texts {
            let escaped = HTMLText.escaped(text)
            #expect(!escaped.utf8.contains { "<>\"'`".utf8.contains($0) || $0 < 9 || $0 == 0x7F })
            let plain = unescaped(escaped)
            #expect(plain.utf8.elementsEqual(shown(text).utf8), "\(text.debugDescription)")
        }
    }

    @Test func linksLeadToTheWebOnly() {
        for text in Self.texts + [
            "javascript:alert(1)", "JavaScript:x", "data:text/html,x", "//evil.test", "/\\evil.test",
        ] {
            for candidate in [text, "https:\(text)", "\(text)https://a.test/"] {
                let link = HTMLText.link(candidate)
                let isAllowed =
                    link == "#" || link.utf8.first == UInt8(ascii: "/")
                    || link.lowercased().utf8.starts(with: "http".utf8)
                #expect(isAllowed && !link.utf8.starts(with: "//".utf8), "\(candidate.debugDescription)")
                #expect(
                    link.utf8.allSatisfy {
                        $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}'".utf8.dropLast().contains($0)
                    })
            }
        }
        #expect(
            HTMLText.link("https://a.test/\u{600}\"<b>?q=1&r=é#x")
                == "https://a.test/%D8%80%22%3Cb%3E?q=1&r=%C3%A9#x")
        #expect(HTMLText.link("/orders/1") == "/orders/1")
        #expect(HTMLText.link("https:a.test") == "#")
    }

    @Test func percentEncodingRoundTrips() {
        for text in Self.texts {
            let encoded = PercentEncoding.component(text)
            #expect(
                encoded.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "-._~%".utf8.contains($0) })
            #expect(percentDecoded(encoded).elementsEqual(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test func likePatternsMatchTheTextItself() {
        for text in Self.texts {
            let inner = Array(SQLText.pattern(containing: text).utf8.dropFirst().dropLast())
            var plain: [UInt8] = []
            var index = 0
            while index < inner.count {
                #expect(inner[index] != UInt8(ascii: "%") && inner[index] != UInt8(ascii: "_"))
                if inner[index] == UInt8(ascii: "\\") { index += 1 }
                plain.append(inner[index])
                index += 1
            }
            #expect(plain.elementsEqual(text.utf8))
        }
    }

    @Test func phrasesOfFTS5AreOneString() throws {
        for text in Self.texts {
            guard let phrase = SQLText.phrase(text) else {
                #expect(text.utf8.contains(0))
                continue
            }
            let inner = Array(phrase.utf8.dropFirst().dropLast())
            #expect(undoubled(inner)?.elementsEqual(text.utf8) == true, "\(text.debugDescription)")
        }
        #expect(SQLText.phrase("abc\u{600}\"") == "\"abc\u{600}\"\"\"")
    }

    @Test func fieldsOfCSVAreOneFieldAndNoFormula() {
        for text in Self.texts {
            let inner = Array(CSVText.field(text).utf8.dropFirst().dropLast())
            let plain = undoubled(inner)
            #expect(plain?.suffix(text.utf8.count).elementsEqual(text.utf8) == true)
            #expect(plain?.first.map { !"=+-@\t\r\n".utf8.contains($0) } ?? text.isEmpty)
        }
    }

    @Test func fieldValuesOfHTTPStayInTheirQuotes() {
        for text in Self.texts {
            let quoted = HeaderText.quoted(text)
            #expect(HeaderText.isValue(quoted))
            var isEscaped = false
            for byte in quoted.utf8.dropFirst().dropLast() {
                #expect(isEscaped || byte != UInt8(ascii: "\""))
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            }
            #expect(!isEscaped)
            #expect(!HeaderText.isToken(text) || text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        }
    }

    @Test func headersOfMailHoldWhatWasPutIn() {
        for text in Self.texts {
            for header in [MailText.phrase(text), MailText.unstructured(text)] {
                #expect(decodedWords(header).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
                for line in header.replacing(bytes: "\r\n ", with: "\n").split(byte: "\n") {
                    #expect(line.utf8.count <= 75 && line.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
                }
            }
            #expect(!MailText.phrase(text).utf8.contains { "()<>@,;:\\\"[].".utf8.contains($0) })
            #expect(!MailText.isAddress("\(text)@a.test") || text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        }
        #expect(MailText.phrase("Ada Lovelace") == "Ada Lovelace")
        #expect(MailText.unstructured("Order A-1 is paid.") == "Order A-1 is paid.")
        #expect(MailText.unstructured("=?utf-8?B?YQ==?=").contains(bytes: "=?utf-8?B?PT91"))
    }

    @Test func logsHaveOneVisibleLine() throws {
        for text in Self.texts {
            let escaped = LogText.escaped(text)
            #expect(escaped.unicodeScalars.allSatisfy { !$0.isHidden })
            var json = [UInt8](#"["#.utf8) + [UInt8(ascii: "\"")]
            json.appendLogText(text, escapingQuotes: true)
            json += [UInt8](#""]"#.utf8)
            let decoded = try JSONDecoder().decode([String].self, from: Data(json))
            #expect(decoded.first?.utf8.elementsEqual(text.utf8) == true, "\(text.debugDescription)")
        }
    }

    @Test(arguments: ["\\ud800", "\\udc00", "a\\ud83d\\u0022", "\\ud800<"])
    func loneSurrogatesOfJSONNeverArriveAsText(escape: String) {
        let text = try? JSONDecoder().decode([String].self, from: Data("[\"\(escape)\"]".utf8)).first
        #expect(text.map { !HTMLText.escaped($0).utf8.contains(UInt8(ascii: "<")) } ?? true)
        #expect(text?.unicodeScalars.allSatisfy { $0.properties.generalCategory != .surrogate } ?? true)
    }

    @Test func normalFormsOfEscapedTextHaveNoSyntaxEither() {
        for text in Self.texts {
            let escaped = HTMLText.escaped(text)
            for form in [
                escaped.precomposedStringWithCanonicalMapping, escaped.decomposedStringWithCanonicalMapping,
            ]
            where !text.unicodeScalars.contains("\u{226E}") {
                #expect(!form.utf8.contains { "<>\"'".utf8.contains($0) }, "\(text.debugDescription)")
            }
        }
    }

    // MARK: - Reading back

    private func percentDecoded(_ text: String) -> [UInt8] {
        text.split(byte: "%", omittingEmptySubsequences: false).enumerated().flatMap { index, part in
            let escape = index == 0 ? nil : UInt8(part.prefix(2), radix: 16)
            return (escape.map { [$0] } ?? []) + part.utf8.dropFirst(index == 0 ? 0 : 2)
        }
    }

    private func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map {
                    $0.value < 0x20 && !"\t\r\n".unicodeScalars.contains($0) || $0.value == 0x7F
                        ? "\u{FFFD}" : $0
                }))
    }

    private func unescaped(_ html: String) -> String {
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")]
            .reduce(html) {
                $0.replacing(bytes: $1.0, with: $1.1)
            }
    }

    /// `nil` when a quote stands alone.
    private func undoubled(_ bytes: [UInt8]) -> [UInt8]? {
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") else { return nil }
                index += 1
            }
            plain.append(bytes[index])
            index += 1
        }
        return plain
    }

    private func decodedWords(_ header: String) -> String {
        guard header.hasPrefix(bytes: "=?utf-8?B?") else { return header }
        var bytes: [UInt8] = []
        for word in header.replacing(bytes: "\r\n ", with: "\n").split(byte: "\n") {
            bytes += Data(base64Encoded: String(word.dropFirst(10).dropLast(2))) ?? Data()
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
