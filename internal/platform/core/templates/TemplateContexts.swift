import SoukText

/// Finds where in the HTML each tag of a template stands, and refuses those whose value could not be escaped there.
struct TemplateContexts {
    private enum Context {
        case text
        /// Inside `<…>`, outside quotes; with the name of the attribute that was read last.
        case tag(attribute: String)
        case attribute(name: String, quote: UInt8)
        /// Comments, scripts and styles, up to these bytes.
        case raw(end: String)
    }

    private static let urlAttributes: Set<String> = [
        "href", "src", "action", "formaction", "poster", "cite", "background", "data", "ping", "srcset",
        "xlink:href",
    ]

    private let source: Substring
    private var rest: Substring
    private var context = Context.text
    private var element = ""

    init(_ source: String) {
        self.source = Substring(source)
        rest = self.source
    }

    mutating func run() throws(HTMLTemplateError) {
        while let byte = rest.utf8.first {
            if rest.hasPrefix(bytes: "{{") {
                try tag()
            } else {
                step(byte)
            }
        }
    }

    /// One tag of Mustache.
    private mutating func tag() throws(HTMLTemplateError) {
        guard let end = rest.range(ofBytes: "}}") else {
            throw HTMLTemplateError(description: "A tag has no end.")
        }
        let name = String(rest[..<end.lowerBound].utf8.dropFirst(2)) ?? ""
        rest = rest[end.upperBound...]
        func refuse(_ why: String) -> HTMLTemplateError {
            HTMLTemplateError(description: "{{\(name)}} \(why).")
        }
        guard let first = name.utf8.first, !"{&%=><$".utf8.contains(first) else {
            throw refuse("is not escaped, or changes how tags are read")
        }
        let isSection = "#^/!".utf8.contains(first)
        let isLink = name.hasPrefix(bytes: "link(")
        switch context {
        case .text:
            if isLink { throw refuse("is a link outside an attribute") }
        case .tag: throw refuse("is inside a tag without quotes")
        case .raw: throw refuse("is inside a comment, a script or a style")
        case .attribute(let attribute, _):
            if attribute.hasPrefix(bytes: "on") || attribute == "style" || attribute == "srcdoc" {
                throw refuse("is inside a script or a style")
            }
            if !isSection, Self.urlAttributes.contains(attribute) != isLink {
                throw refuse("must be a link exactly where the attribute holds a URL")
            }
        }
    }

    /// One byte of HTML, or a run of them.
    private mutating func step(_ byte: UInt8) {
        switch context {
        case .text:
            if rest.hasPrefix(bytes: "<!--") {
                context = .raw(end: "-->")
            } else if byte == UInt8(ascii: "<") {
                element = name(of: rest.utf8.dropFirst())
                context = .tag(attribute: "")
            }
        case .tag(let attribute):
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): context = .attribute(name: attribute, quote: byte)
            case UInt8(ascii: ">"):
                context = element == "script" || element == "style" ? .raw(end: "</\(element)") : .text
            case _ where byte.isASCIILetter:
                let name = name(of: rest.utf8)
                context = .tag(attribute: name)
                return advance(name.utf8.count)
            default: break
            }
        case .attribute(let name, let quote):
            if byte == quote { context = .tag(attribute: name) }
        case .raw(let end):
            if rest.hasPrefix(bytes: end) {
                context = end == "-->" ? .text : .tag(attribute: "")
                element = ""
                return advance(end.utf8.count)
            }
        }
        advance(1)
    }

    private mutating func advance(_ count: Int) {
        rest = Substring(rest.utf8.dropFirst(count))
    }

    private func name(of bytes: Substring.UTF8View) -> String {
        Substring(
            bytes.prefix {
                $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ":")
            }
        )
        .lowercasedASCII()
    }
}
