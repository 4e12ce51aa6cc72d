import ArgumentParser
import Foundation
import SoukText

/// A dead letter, as lists show it.
struct DeadLetter: Decodable {
    let id: String
    let service: String
    let eventId: String
    let type: String?
    let topic: String
    let key: String
    let errorCode: String
    let error: String
    let attempts: Int
    let firstFailedAt: String
    let lastFailedAt: String
    let status: String
}

struct ListDeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Lists what services have given up on, newest first.",
        discussion: "Without --service, the same page of every service that has any.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var page: PageOptions
    @Option(help: "Only this service's.")
    var service: ServiceName?

    func run() async throws {
        let session = try options.session()
        guard service == nil else {
            let answer = try await list(service?.text ?? "", session)
            return try options.show(answer) {
                let (letters, meta) = try answer.page(of: DeadLetter.self)
                return Self.table(letters) + meta.footer(shown: letters.count)
            }
        }
        let summaries: [Events.Summary] = try await session.send(.get, Target.path(Events.path)).data()
        var answers: [Answer] = []
        for summary in summaries where (summary.deadLetters ?? 0) > 0 {
            answers.append(try await list(summary.service, session))
        }
        try options.show(try Self.merged(answers)) {
            let pages = try answers.map { try $0.page(of: DeadLetter.self) }
            let letters = pages.flatMap(\.items)
            let total = pages.reduce(0) { $0 + ($1.meta.totalCount ?? 0) }
            let footer = total > letters.count ? "\n\(total) in all; see --service and --page" : ""
            return Self.table(letters) + footer
        }
    }

    private func list(_ service: String, _ session: Session) async throws -> Answer {
        try await session.send(
            .get, Target.path(Events.path + ["dead-letters"], query: [("service", service)] + page.query))
    }

    /// One answer that holds the items of all.
    private static func merged(_ answers: [Answer]) throws(Failure) -> Answer {
        do {
            let items = try answers.flatMap { answer in
                let object = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
                return object?["data"] as? [Any] ?? []
            }
            return Answer(
                body: try JSONSerialization.data(withJSONObject: ["data": items], options: [.sortedKeys]))
        } catch {
            throw Failure("the server's answer isn't understood; is it a Souk of this version?")
        }
    }

    private static func table(_ letters: [DeadLetter]) -> String {
        guard !letters.isEmpty else { return "no dead letters" }
        var table = Table(
            ["SERVICE", "ID", "TYPE", "CODE", "ATTEMPTS", "LAST FAILED", "STATUS"], numeric: [4])
        for letter in letters {
            table.add([
                letter.service, letter.id, letter.type ?? "-", letter.errorCode, "\(letter.attempts)",
                letter.lastFailedAt, letter.status,
            ])
        }
        return table.text
    }
}

struct ShowDeadLetter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a dead letter: why it failed, its headers, its payload.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The service that gave it up.")
    var service: ServiceName
    @Argument(help: "The dead letter.")
    var id: Identifier

    func run() async throws {
        let path = Target.path(Events.path + ["dead-letters", service.text, id.text])
        let answer = try await options.session().send(.get, path)
        try options.show(answer) {
            let letter: DeadLetter = try answer.data()
            let content = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
            let data = content?["data"] as? [String: Any] ?? [:]
            let headers = (data["headers"] as? [String: String] ?? [:]).sorted { $0.key < $1.key }
            var text = Table.list(
                [
                    ("id", letter.id), ("service", letter.service), ("status", letter.status),
                    ("event", letter.eventId), ("type", letter.type), ("topic", letter.topic),
                    ("key", letter.key),
                    ("attempts", "\(letter.attempts)"), ("first failed", letter.firstFailedAt),
                    ("last failed", letter.lastFailedAt), ("code", letter.errorCode), ("error", letter.error),
                ] + headers.map { ("header \($0.key)", $0.value) })
            if let encoded = data["payload_base64"] as? String {
                text += "\npayload, in base64:\n\(encoded.printable)"
            } else if let payload = data["payload"] {
                let json = try JSONSerialization.data(
                    withJSONObject: payload,
                    options: [.prettyPrinted, .sortedKeys, .fragmentsAllowed, .withoutEscapingSlashes])
                let lines = String(decoding: json, as: UTF8.self).split(byte: "\n")
                text += "\npayload:\n\(lines.map { String($0).printable }.joined(separator: "\n"))"
            }
            return text
        }
    }
}
