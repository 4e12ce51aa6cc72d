import SoukTemplates

/// The HTML of an e-mail: one column, inline styles, no images and no scripts, because that is what every mail
/// reader shows.
struct MailBody: Sendable {
    private let template: HTMLTemplate

    /// - Throws: ``HTMLTemplateError``, or Mustache's parse error.
    init() throws {
        template = try HTMLTemplate(
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>{{title}}</title></head>
            <body style="margin:0;padding:24px;background:#f6f4ef;font-family:Georgia,serif;color:#222">
            <div style="max-width:560px;margin:0 auto;padding:24px;background:#fff;border:1px solid #ddd">
            <p>Hello {{name}},</p>
            <h1 style="font-size:20px;font-weight:normal">{{title}}</h1>
            <p style="line-height:1.5">{{text}}</p>
            </div></body></html>
            """)
    }

    func html(name: String, title: String, text: String) -> String {
        template.render(["name": .text(name), "title": .text(title), "text": .text(text)])
    }

    func text(name: String, title: String, text: String) -> String {
        "Hello \(name),\r\n\r\n\(title)\r\n\r\n\(text)\r\n"
    }
}
