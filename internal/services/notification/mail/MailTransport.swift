import Foundation
import NIOPosix
package import SoukErrors
package import SoukService

/// Takes an e-mail off our hands.
package protocol MailTransport: Sendable {
    /// Delivers the message, or hands it to somebody who will. The same message may be given twice after a crash; its
    /// `id` tells.
    ///
    /// - Throws: ``ServiceError`` of kind `.unavailable` when it should be tried again later.
    func send(_ message: EmailMessage) async throws(ServiceError)
}

/// Writes each message as `<id>.eml` into a directory, whole or not at all.
///
/// A message that is sent twice replaces its file, so there is one file per message.
package struct MailDirectory: MailTransport {
    private let directory: String

    /// - Parameter directory: made when the first message is written.
    package init(directory: String) {
        self.directory = directory
    }

    /// Takes a directory that is there already, and all that is in it, for its owner alone.
    ///
    /// - Throws: `StartupError` when it belongs to another user or its mode can't be changed.
    package func claim() throws(StartupError) {
        guard FileManager.default.fileExists(atPath: directory) else { return }
        try PrivateFiles.claim(directory)
        try PrivateFiles.tighten(below: directory)
    }

    package func send(_ message: EmailMessage) async throws(ServiceError) {
        let directory = directory
        do {
            try await NIOThreadPool.singleton.runIfActive {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
                let url = URL(fileURLWithPath: directory).appendingPathComponent("\(message.id).eml")
                try Data(message.bytes).write(to: url, options: .atomic)
            }
        } catch {
            throw ServiceError(
                .unavailable, code: "mail.unavailable", message: "E-mail can't be written right now.",
                detail: "\(directory): \(error)")
        }
    }
}
