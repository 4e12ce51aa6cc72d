import ArgumentParser
import Foundation

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Asks the server whether it is ready; exit status 1 when it isn't.")

    @OptionGroup var options: GlobalOptions

    private struct Report: Decodable {
        struct Check: Decodable {
            let name: String
            let status: String
            let error: String?
        }

        let status: String
        let checks: [Check]
    }

    func run() async throws {
        let session = try options.session()
        let start = ContinuousClock.now
        let response = try await session.transport.send(.get, "/readyz")
        let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
        let answer = Answer(body: response.body)
        guard let report: Report = try? answer.decode() else { _ = try Session.answer(response); return }
        try options.show(answer) { "\(session.server) is \(report.status.printable) (\(milliseconds) ms)" }
        guard response.status == 200 else {
            let failing = report.checks.filter { $0.status != "ok" }.map {
                "\($0.name): \($0.error ?? $0.status)"
            }
            throw Failure("not ready" + (failing.isEmpty ? "" : ": " + failing.joined(separator: "; ")))
        }
    }
}
