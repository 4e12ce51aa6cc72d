import Foundation
import SoukText
package import SoukTime

/// An e-mail with a plain and an HTML body, written in the Internet Message Format (RFC 5322) with MIME (RFC 2045,
/// RFC 2046, RFC 2047).
package struct EmailMessage: Sendable, Hashable {
    /// Unique for ever; the `Message-ID` is made of it.
    package let id: String
    package let from: Mailbox
    package let to: Mailbox
    package let date: Timestamp
    package let subject: String
    package let text: String
    package let html: String

    /// A name and an address.
    package struct Mailbox: Sendable, Hashable {
        package let name: String
        package let address: String

        package init(name: String, address: String) {
            self.name = name
            self.address = address
        }

        /// `name-addr` of RFC 5322 section 3.4, or the bare address where there is no name.
        var header: String { name.isEmpty ? address : "\(MailText.phrase(name)) <\(address)>" }
    }

    /// The whole message with CRLF line ends, ASCII only.
    package var bytes: [UInt8] {
        let boundary = "=_souk_\(id)"
        let domain = from.address.split(byte: "@").last.map(String.init) ?? "localhost"
        let lines = [
            "From: \(from.header)",
            "To: \(to.header)",
            "Subject: \(MailText.unstructured(subject))",
            "Date: \(date.internetMessageDate)",
            "Message-ID: <\(id)@\(domain)>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"",
            "",
            part("text/plain", text, boundary),
            part("text/html", html, boundary),
            "--\(boundary)--",
            "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func part(_ type: String, _ content: String, _ boundary: String) -> String {
        // Base64 keeps every line below 998 octets and every octet in ASCII, whatever the text.
        let encoded = Data(content.utf8).base64EncodedString(
            options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed])
        return """
            --\(boundary)\r
            Content-Type: \(type); charset=utf-8\r
            Content-Transfer-Encoding: base64\r
            \r
            \(encoded)
            """
    }
}

extension Timestamp {
    /// `date-time` of RFC 5322 section 3.3, in UTC.
    var internetMessageDate: String {
        let seconds = microseconds / 1_000_000
        let days = Int64((Double(seconds) / 86_400).rounded(.down))
        let date = CivilDate(daysSinceEpoch: days)
        let time = seconds - days * 86_400
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int((days % 7 + 7) % 7)]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))"
        return "\(weekday), \(date.day) \(months[Int(date.month) - 1]) \(date.year) \(clock) +0000"
    }
}
