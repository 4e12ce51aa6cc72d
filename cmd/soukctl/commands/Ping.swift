import ArgumentParser
import Foundation

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Asks the server for a response; exit status 1 when there is none.",
        discussion: "What each part of a server waits for is on its operations port, at /readyz.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let session = try options.session()
        let start = ContinuousClock.now
        let answer = try Session.answer(try await session.transport.send(.get, "/api/v1/ping"))
        let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
        try options.show(answer) { "\(session.server) responds (\(milliseconds) ms)" }
    }
}
