import ArgumentParser
import SoukText

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Outboxes, lag and dead letters.",
        subcommands: [
            EventStatus.self, ListDeadLetters.self, ShowDeadLetter.self, Redrive.self, Discard.self,
        ],
        aliases: ["event"])

    /// The path of all of it.
    static let path = ["api", "v1", "admin", "events"]

    /// How a service stands.
    struct Summary: Decodable {
        let service: String
        /// Whether it could be asked; the rest is missing otherwise.
        let available: Bool
        let outboxDepth: Int?
        let lag: [String: Int]?
        let deadLetters: Int?
        /// By the code of their last failure; none when there are no dead letters.
        let deadLettersByError: [String: Int]?
    }
}

struct EventStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what each service has still to publish, to handle, and has given up.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let answer = try await options.session().send(.get, Target.path(Events.path))
        try options.show(answer) {
            var table = Table(
                ["SERVICE", "OUTBOX", "LAG", "DEAD LETTERS", "BY ERROR", "BEHIND ON"], numeric: [1, 2, 3])
            for summary in try answer.data(as: [Events.Summary].self) {
                guard let depth = summary.outboxDepth, let lag = summary.lag, let dead = summary.deadLetters
                else {
                    table.add([summary.service, "-", "-", "-", "", "can't be reached"])
                    continue
                }
                let byError = (summary.deadLettersByError ?? [:]).sorted { $0.key < $1.key }
                let behind = lag.filter { $0.value > 0 }.sorted { $0.key < $1.key }
                table.add([
                    summary.service, "\(depth)", "\(lag.values.reduce(0, +))", "\(dead)",
                    byError.map { "\($0.key) x\($0.value)" }.joined(separator: ", "),
                    behind.map { "\($0.key) (\($0.value))" }.joined(separator: ", "),
                ])
            }
            return table.text
        }
    }
}

struct Redrive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has dead letters handled again; one that fails again stays.",
        usage: """
            soukctl events redrive SERVICE ID
            soukctl events redrive --all [--service SERVICE]
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The service that gave it up.")
    var serviceName: ServiceName?
    @Argument(help: "The dead letter.")
    var id: Identifier?
    @Flag(help: "All of them.")
    var all = false
    @Option(help: "With --all: only this service's.")
    var service: ServiceName?

    private struct Result: Decodable {
        let redriven: Int
    }

    func validate() throws {
        if all, serviceName != nil {
            throw ValidationError("--all takes no SERVICE ID; give --service instead.")
        }
        if !all, id == nil { throw ValidationError("Give SERVICE ID, or --all.") }
        if !all, service != nil { throw ValidationError("--service goes with --all.") }
    }

    func run() async throws {
        let path: String
        if let serviceName, let id {
            path = Target.path(Events.path + ["dead-letters", serviceName.text, id.text, "redrive"])
        } else {
            path = Target.path(
                Events.path + ["dead-letters", "redrive"], query: [("service", service?.text)])
        }
        let answer = try await options.session().send(.post, path)
        try options.show(answer) {
            let count = try answer.data(as: Result.self).redriven
            return "\(count) dead letter\(count == 1 ? " is" : "s are") being handled again"
        }
    }
}

struct Discard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Deletes a dead letter for good.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The service that gave it up.")
    var service: ServiceName
    @Argument(help: "The dead letter.")
    var id: Identifier
    @Flag(name: .shortAndLong, help: "Don't ask.")
    var yes = false

    func run() async throws {
        let session = try options.session()
        if !yes {
            let question = "Delete dead letter \(id.text) of \(service.text) for good? [y/N] "
            guard let answer = Terminal.ask(question) else {
                throw Failure("there is no terminal to ask at; give --yes", status: Failure.usage)
            }
            guard ["y", "yes"].contains(answer.lowercasedASCII()) else {
                throw Failure("nothing was deleted")
            }
        }
        let path = Target.path(Events.path + ["dead-letters", service.text, id.text])
        _ = try await session.send(.delete, path)
        if !options.json { print("discarded") }
    }
}
