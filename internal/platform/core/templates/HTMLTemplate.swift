import Mustache
import SoukText

/// A Mustache template of HTML whose values can't become markup.
///
/// Values are escaped by ``SoukText/HTMLText``. The template marks the context of each: `{{name}}` is text or part of a quoted
/// attribute, `{{link(name)}}` is the whole of an attribute that holds a URL. A template that puts a value anywhere else is refused.
package struct HTMLTemplate: Sendable {
    private let template: MustacheTemplate

    /// - Throws: ``HTMLTemplateError``, or Mustache's parse error.
    package init(_ source: String) throws {
        _ = Self.registration
        var check = TemplateContexts(source)
        try check.run()
        template = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(Self.contentType)}}\(source)")
    }

    /// The page. A value that is missing renders as nothing, and its sections do not appear.
    package func render(_ values: [String: Value]) -> String {
        template.render(values.mapValues(\.content))
    }

    /// What a template is filled with.
    package enum Value: Sendable, ExpressibleByStringLiteral {
        case text(String)
        /// Shows a section, or hides it.
        case flag(Bool)

        package init(stringLiteral text: String) {
            self = .text(text)
        }

        fileprivate var content: Any {
            switch self {
            case .text(let text): Escapable(text: text)
            case .flag(let isShown): isShown
            }
        }
    }

    private static let contentType = "html-by-code-units"
    /// Mustache knows types of content by name, for the whole process.
    private static let registration: Void = MustacheContentTypes.register(HTMLContent(), named: contentType)
}

/// A template puts a value where its escaping does not hold.
package struct HTMLTemplateError: Error, CustomStringConvertible {
    package let description: String
}

private struct HTMLContent: MustacheContentType {
    func escapeText(_ text: String) -> String { HTMLText.escaped(text) }
}

/// A text with the transforms that templates may ask for.
private struct Escapable: MustacheTransformable, CustomStringConvertible {
    let text: String

    var description: String { text }

    func transform(_ name: String) -> Any? {
        name == "link" ? HTMLText.link(text) : nil
    }
}
